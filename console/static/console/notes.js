// Notes: while @ and a name are typed, colleagues are offered; arrows choose, Enter or Tab takes, Escape leaves.
(() => {
  let timer, people = [], at = 0;
  const box = () => document.getElementById("id_note_text");
  const list = () => document.getElementById("mention-list");
  const typed = () => {
    const field = box();
    const found = field.value.slice(0, field.selectionStart).match(/(^|[^\w.@])@([\w.+-]{0,40})$/);
    return found ? found[2] : null;
  };
  const hide = () => {
    people = [];
    if (!list()) return;
    list().hidden = true;
    box().removeAttribute("aria-activedescendant");
    box().setAttribute("aria-expanded", "false");
  };
  const show = () => {
    list().replaceChildren(...people.map((person, index) => {
      const line = document.createElement("li");
      line.id = "mention-" + index;
      line.setAttribute("role", "option");
      line.setAttribute("aria-selected", index === at);
      line.append(person.name, Object.assign(document.createElement("small"), { textContent: "@" + person.handle }));
      line.addEventListener("mousedown", (event) => { event.preventDefault(); at = index; take(); });
      return line;
    }));
    list().hidden = people.length === 0;
    box().setAttribute("aria-expanded", people.length > 0);
    if (people.length) box().setAttribute("aria-activedescendant", "mention-" + at);
  };
  const take = () => {
    const field = box(), end = field.selectionStart, start = end - typed().length;
    field.setRangeText(people[at].handle + " ", start, end, "end");
    hide();
  };
  document.addEventListener("input", (event) => {
    if (event.target !== box()) return;
    clearTimeout(timer);
    const name = typed();
    if (name === null) return hide();
    timer = setTimeout(() => {
      const url = document.getElementById("notes").dataset.peopleUrl;
      fetch(`${url}?q=${encodeURIComponent(name)}`, { headers: { Accept: "application/json" } })
        .then((answer) => (answer.ok ? answer.json() : { people: [] }))
        .then((answer) => { if (typed() === name) { people = answer.people; at = 0; show(); } })
        .catch(hide);
    }, 120);
  });
  document.addEventListener("keydown", (event) => {
    if (event.target !== box()) return;
    if (people.length) {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step) { at = (at + step + people.length) % people.length; show(); }
      else if (event.key === "Enter" || event.key === "Tab") take();
      else if (event.key === "Escape") hide();
      else return;
      event.preventDefault();
      event.stopImmediatePropagation();
      return;
    }
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      // The note is sent, not the verdict beside it.
      event.preventDefault();
      event.stopImmediatePropagation();
      box().form.requestSubmit();
    }
    if (event.key === "Escape") box().blur();
  }, true);
  document.addEventListener("focusout", (event) => { if (event.target === box()) hide(); });
  document.addEventListener("change", (event) => {
    const input = event.target;
    if (!input.matches(".con-note-attach input")) return;
    const label = input.parentElement.querySelector("[data-chosen]");
    label.textContent = input.files.length ? [...input.files].map((file) => file.name).join(", ") : label.dataset.none;
  });
  document.addEventListener("htmx:afterSwap", () => { document.querySelector("#notes [data-focus]")?.focus(); });
})();
