// The case page by keyboard alone: A R C E choose, 1–9 give reasons, Enter sends. The keys themselves are
// declared in the page (data-key) and pressed by backoffice.js.
(() => {
  const form = document.getElementById("verdict");
  if (!form) return;

  form.addEventListener("change", (event) => {
    // Hidden reasons are not sent with an approval.
    if (event.target.name === "kind" && event.target.value === "approve") {
      form.querySelectorAll("[name=reason_codes]:checked, [name=requested]:checked").forEach((box) => { box.checked = false; });
    }
  });

  document.addEventListener("keydown", (event) => {
    const inText = event.target.closest("textarea, input[type=search]");
    if (inText) {
      if (event.key === "Escape") event.target.blur();
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); form.requestSubmit(); }
      return;
    }
    // A reason pressed before a verdict means "reject": nobody gives reasons for an approval. Reasons are
    // hidden until there is a verdict, and keys press only what is seen, so the choice comes first.
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey && !document.querySelector("dialog[open]");
    if (plain && /^[1-9]$/.test(event.key) && !form.querySelector("[name=kind]:checked")) {
      form.querySelector("[name=kind][value=reject]").click();
      form.querySelector(`[data-key="${event.key}"]`)?.click();
      return;
    }
    const onControl = event.target.closest("a, button, summary");
    if (event.key === "Enter" && !onControl && !document.querySelector("dialog[open]") && form.querySelector("[name=kind]:checked")) {
      event.preventDefault();
      form.requestSubmit(form.querySelector(".con-submit button"));
    }
  });
})();
