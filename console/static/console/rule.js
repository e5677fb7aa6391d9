// The editor of a condition: colours under the text, completion by keyboard, fields by click. No framework,
// nothing inline; without it the text field alone still works.
(() => {
  const box = document.querySelector("[data-editor]");
  if (!box) return;
  const text = box.querySelector("textarea");
  const ink = box.querySelector(".con-editor-ink");
  const list = box.querySelector("[role=listbox]");
  const words = JSON.parse(document.getElementById(box.dataset.editor).textContent);
  const keywords = ["and", "or", "not", "in", "is", "missing"];
  const literals = ["true", "false", "True", "False"];
  const fields = new Map(words.fields.map((field) => [field.name, field]));
  const functions = new Map(words.functions.map((one) => [one.name, one]));

  // ── Colours ───────────────────────────────────────────────────────────────────────────────────
  const TOKEN = /("[^"\n]*"?|'[^'\n]*'?)|(\d[\d_]*(?:\.\d+)?)|([A-Za-z_][\w]*(?:\.[A-Za-z_]\w*)*)|([=!<>]=?|[-+*/])|(\s+|.)/gsu;
  const kindOf = ([, string, number, name, sign]) => {
    if (string) return "string";
    if (number) return "number";
    if (sign) return "sign";
    if (!name) return "";
    if (keywords.includes(name)) return "word";
    if (literals.includes(name)) return "number";
    if (fields.has(name)) return "field";
    return functions.has(name) || name === "list" ? "function" : "unknown";
  };
  const paint = () => {
    const check = document.getElementById("check");
    const at = check?.dataset.errorAt === undefined ? -1 : Number(check.dataset.errorAt);
    const end = at < 0 ? -1 : at + Math.max(1, Number(check.dataset.errorLength));
    const pieces = [];
    // Offsets of the server count characters, not UTF-16 units.
    let place = 0;
    for (const token of text.value.matchAll(TOKEN)) {
      const piece = document.createElement("span");
      const kind = kindOf(token);
      const length = [...token[0]].length;
      piece.className = kind ? `is-${kind}` : "";
      if (painted === text.value && place < end && place + length > at) piece.classList.add("is-wrong");
      piece.textContent = token[0];
      pieces.push(piece);
      place += length;
    }
    ink.replaceChildren(...pieces, document.createTextNode("\n"));
    ink.scrollTop = text.scrollTop;
  };
  let painted = text.value; // what the last answer of the server was about
  const grow = () => { text.style.height = "auto"; text.style.height = `${Math.min(text.scrollHeight + 2, 360)}px`; };

  // ── Completion ────────────────────────────────────────────────────────────────────────────────
  let choices = [];
  let chosen = -1;
  const before = () => text.value.slice(0, text.selectionStart);
  const fragment = () => {
    const head = before();
    const inList = /\blist\(\s*["']?([\w-]*)$/.exec(head);
    if (inList) return { start: head.length - inList[1].length, typed: inList[1], lists: true, quote: /["'][\w-]*$/.test(head) ? "" : '"' };
    // Inside a text there is nothing to complete.
    if ((head.match(/"/g) || []).length % 2 || (head.match(/'/g) || []).length % 2) return null;
    const name = /[A-Za-z_][\w.]*$/.exec(head);
    return { start: name ? name.index : head.length, typed: name ? name[0] : "", lists: false };
  };
  const score = (name, label, typed) => {
    const [low, want] = [name.toLowerCase(), typed.toLowerCase()];
    if (low.startsWith(want)) return 0;
    if (low.split(/[._]/).some((part) => part.startsWith(want))) return 1;
    if (low.includes(want)) return 2;
    return want.length > 1 && label.toLowerCase().includes(want) ? 3 : -1;
  };
  const candidates = (at) => {
    if (at.lists) return words.lists.map((one) => ({ insert: at.quote ? `"${one.code}"` : one.code, name: one.code, label: one.name, note: one.kind }));
    return [
      ...words.fields.map((one) => ({ insert: one.name, name: one.name, label: one.label, note: one.unit || one.type })),
      ...words.functions.map((one) => ({ insert: `${one.name}(`, name: one.name, label: one.usage, note: "ƒ" })),
      ...(words.lists.length ? [{ insert: 'list("', name: "list", label: 'list("…")', note: "ƒ" }] : []),
      ...keywords.map((one) => ({ insert: `${one} `, name: one, label: "", note: "" })),
    ];
  };
  const close = () => {
    list.hidden = true;
    choices = [];
    chosen = -1;
    text.setAttribute("aria-expanded", "false");
    text.removeAttribute("aria-activedescendant");
  };
  const choose = (index) => {
    chosen = index;
    [...list.children].forEach((item, i) => item.setAttribute("aria-selected", String(i === chosen)));
    const item = list.children[chosen];
    if (!item) return text.removeAttribute("aria-activedescendant");
    text.setAttribute("aria-activedescendant", item.id);
    item.scrollIntoView({ block: "nearest" });
  };
  const suggest = (asked) => {
    const at = fragment();
    if (!at || (!asked && !at.lists && at.typed.length < 2)) return close();
    choices = candidates(at)
      .map((one) => ({ ...one, rank: score(one.name, one.label, at.typed) }))
      .filter((one) => one.rank >= 0 && (asked || one.insert.trim() !== at.typed))
      .sort((a, b) => a.rank - b.rank || a.name.length - b.name.length)
      .slice(0, 40);
    if (!choices.length) return close();
    list.replaceChildren(...choices.map((one, i) => {
      const item = document.createElement("li");
      item.id = `complete-${i}`;
      item.setAttribute("role", "option");
      const [name, label, note] = ["code", "span", "small"].map((tag) => document.createElement(tag));
      name.textContent = one.name;
      label.textContent = one.label;
      note.textContent = one.note;
      item.append(name, label, note);
      item.addEventListener("pointerdown", (event) => { event.preventDefault(); accept(i); });
      return item;
    }));
    list.hidden = false;
    text.setAttribute("aria-expanded", "true");
    place(at.start);
    choose(0);
  };
  // Under the word that is being written; the colours' layer knows where that is.
  const place = (offset) => {
    const range = document.createRange();
    let left = offset;
    for (const piece of ink.childNodes) {
      const node = piece.firstChild || piece;
      if (left <= node.length) { range.setStart(node, left); range.setEnd(node, left); break; }
      left -= node.length;
    }
    const [caret, outer] = [range.getBoundingClientRect(), box.getBoundingClientRect()];
    const height = caret.height || 20;
    const x = (caret.left || outer.left + 10) - outer.left;
    list.style.left = `${Math.max(0, Math.min(x - 8, outer.width - list.offsetWidth))}px`;
    list.style.top = `${(caret.top || outer.top + 8) - outer.top + height + 4}px`;
  };
  const replace = (start, end, inserted) => {
    text.focus();
    text.setSelectionRange(start, end);
    // Keeps the field's own undo; setRangeText would lose it.
    if (!document.execCommand("insertText", false, inserted)) text.setRangeText(inserted, start, end, "end");
    text.dispatchEvent(new Event("input", { bubbles: true }));
  };
  const accept = (index) => {
    const at = fragment();
    const one = choices[index];
    if (!at || !one) return;
    close();
    replace(at.start, text.selectionStart, one.insert);
    if (!/[("]$/.test(one.insert)) close(); else suggest(false);
  };
  text.setAttribute("role", "combobox");
  text.setAttribute("aria-autocomplete", "list");
  text.setAttribute("aria-expanded", "false");
  text.setAttribute("aria-controls", list.id);
  text.setAttribute("aria-haspopup", "listbox");
  text.addEventListener("keydown", (event) => {
    if (event.key === " " && event.ctrlKey) { event.preventDefault(); return suggest(true); }
    if (list.hidden) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      choose((chosen + (event.key === "ArrowDown" ? 1 : -1) + choices.length) % choices.length);
    } else if ((event.key === "Enter" || event.key === "Tab") && !event.shiftKey && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      accept(chosen);
    } else if (event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      close();
    }
  });
  text.addEventListener("input", () => { paint(); grow(); suggest(false); });
  text.addEventListener("scroll", () => { ink.scrollTop = text.scrollTop; close(); });
  text.addEventListener("blur", close);
  text.addEventListener("click", close);

  // ── The server's answer: the place of the mistake, and its correction in one click ────────────
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target.id !== "check" && event.target.id !== "check") return;
    painted = text.value;
    paint();
  });
  document.addEventListener("click", (event) => {
    const fix = event.target.closest("[data-fix]");
    if (fix) {
      const check = document.getElementById("check").dataset;
      const units = (count) => [...text.value].slice(0, count).join("").length;
      const start = units(Number(check.errorAt));
      return replace(start, units(Number(check.errorAt) + Number(check.errorLength)), fix.dataset.fix);
    }
    const insert = event.target.closest("[data-insert]");
    if (!insert) return;
    const [start, end] = [text.selectionStart, text.selectionEnd];
    const space = start > 0 && !/[\s(]$/.test(text.value.slice(0, start)) ? " " : "";
    replace(start, end, space + insert.dataset.insert);
    close();
  });

  // ── The field browser ─────────────────────────────────────────────────────────────────────────
  const search = document.querySelector("[data-browser-search]");
  const entries = [...document.querySelectorAll("[data-browser-entry]")];
  search?.addEventListener("input", () => {
    const parts = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    entries.forEach((entry) => {
      entry.hidden = !parts.every((part) => entry.dataset.browserEntry.includes(part));
      shown += entry.hidden ? 0 : 1;
    });
    document.querySelector("[data-browser-count]").textContent = shown;
    document.querySelector("[data-browser-none]").hidden = shown > 0;
  });
  search?.addEventListener("keydown", (event) => { if (event.key === "Enter") event.preventDefault(); });

  box.classList.add("is-inked");
  paint();
  grow();
})();
