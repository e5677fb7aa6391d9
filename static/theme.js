// Sets theme, density and how pictures show before the first paint, so that nothing flashes. Loaded without defer.
(() => {
  const read = (key) => { try { return localStorage.getItem(key); } catch { return null; } };
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    const choice = read("bo-theme") || "system";
    root.dataset.bsTheme = choice === "system" ? (system.matches ? "dark" : "light") : choice;
    root.dataset.themeChoice = choice;
    root.dataset.density = read("bo-density") || "normal";
    root.dataset.images = read("bo-images") || "clear"; // here too: a picture must not show before it is blurred
    dispatchEvent(new Event("bo:theme"));
  };
  apply();
  system.addEventListener("change", apply);
  addEventListener("storage", apply);
  addEventListener("bo:theme-changed", apply);
})();
