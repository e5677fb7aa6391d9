// Macros fill the verdict form and never send it: Q opens the menu, a number or Enter chooses.
(() => {
  const form = document.getElementById("verdict");
  const menu = document.querySelector(".con-macros");
  if (!form || !menu) return;
  const macros = JSON.parse(document.getElementById("macro-data").textContent);
  const buttons = [...menu.querySelectorAll("[data-macro]")];
  const items = [...menu.querySelectorAll(".bo-menu-item")];
  const written = {}; // per text: what was there before a macro, and with it; the next macro replaces its part alone

  const write = (name, text) => {
    const area = form.elements[name];
    if (!text || !area) return;
    const own = written[name]?.whole === area.value ? written[name].own : area.value.trim();
    area.value = own ? `${own}\n${text}` : text;
    written[name] = { own, whole: area.value };
  };
  const fill = (macro) => {
    form.querySelectorAll("[name=kind]").forEach((radio) => { radio.checked = radio.value === macro.kind; });
    form.querySelectorAll("[name=reason_codes]").forEach((box) => { box.checked = macro.reason_codes.includes(box.value); });
    if (form.elements.is_final) form.elements.is_final.checked = macro.is_final;
    const holds = form.elements.hold_hours;
    if (macro.hold_hours && [...holds.options].some((option) => option.value === String(macro.hold_hours))) holds.value = macro.hold_hours;
    write("message", macro.message);
    write("note", macro.note);
    const chosen = form.querySelector("[name=kind]:checked");
    chosen.dispatchEvent(new Event("change", { bubbles: true })); // the preview follows
    menu.open = false;
    // What is needed from a merchant differs by case: that is where the hand goes first.
    const open = macro.kind === "request_info" && !form.querySelector("[name=requested]:checked") && form.querySelector("[name=requested]");
    (open || form.querySelector(".con-submit button")).focus();
    const said = document.getElementById("macro-said");
    said.textContent = said.dataset.words;
  };

  menu.addEventListener("click", (event) => {
    const button = event.target.closest("[data-macro], [data-draft]");
    if (button?.dataset.macro) fill(macros[button.dataset.macro]);
    if (button?.dataset.draft) {
      // Only now a submit button: as the first of the form, Enter anywhere in it would press this one.
      button.type = "submit";
      form.requestSubmit(button);
      button.type = "button";
      menu.open = false;
    }
  });
  menu.addEventListener("toggle", () => { if (menu.open) items[0]?.focus(); });
  menu.addEventListener("focusout", (event) => {
    if (event.relatedTarget && !menu.contains(event.relatedTarget)) menu.open = false;
  });
  // Before the page's own keys: while the menu is open, numbers are macros and not reasons.
  document.addEventListener("keydown", (event) => {
    if (!menu.open || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const number = /^[1-9]$/.test(event.key) ? buttons[event.key - 1] : null;
    if (step) {
      const at = items.indexOf(document.activeElement);
      items[(at + step + items.length) % items.length].focus();
    } else if (number) {
      number.click();
    } else if (!/^[1-9]$/.test(event.key)) {
      return;
    }
    event.preventDefault();
    event.stopImmediatePropagation();
  }, true);
})();
