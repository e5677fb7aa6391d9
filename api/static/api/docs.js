// Shows the OpenAPI document. A file of its own, because the page's policy allows no inline script.
const root = document.getElementById("swagger-ui");

SwaggerUIBundle({
  domNode: root,
  url: root.dataset.schema,
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: -1,
  // A key that is typed in here stays in the page and is gone with it.
  persistAuthorization: false,
});
