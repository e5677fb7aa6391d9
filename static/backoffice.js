// Behaviour of the shared shell. No framework: events are delegated from the document, so that
// whatever htmx swaps in works at once. Words come from the page (#bo-strings).
(() => {
  const $ = (selector, within = document) => within.querySelector(selector);
  const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];
  const on = (type, selector, act) => document.addEventListener(type, (event) => {
    const target = event.target instanceof Element && event.target.closest(selector);
    if (target) act(target, event);
  });
  const strings = JSON.parse($("#bo-strings")?.textContent || "{}");
  const root = document.documentElement;

  // ── Theme and density ─────────────────────────────────────────────────────────────────────────
  const remember = (key, value) => {
    try { localStorage.setItem(key, value); } catch { /* private browsing: lasts for this page */ }
    dispatchEvent(new Event("bo:theme-changed"));
    showChoices();
  };
  const showChoices = () => {
    $$("[data-theme-choice]:not(html)").forEach((b) => b.setAttribute("aria-pressed", b.dataset.themeChoice === root.dataset.themeChoice));
    $$("[data-density-choice]").forEach((b) => b.setAttribute("aria-pressed", b.dataset.densityChoice === root.dataset.density));
    $$("[data-images-choice]").forEach((b) => b.setAttribute("aria-pressed", b.dataset.imagesChoice === root.dataset.images));
  };
  on("click", "button[data-theme-choice]", (b) => remember("bo-theme", b.dataset.themeChoice));
  on("click", "button[data-density-choice]", (b) => remember("bo-density", b.dataset.densityChoice));
  on("click", "button[data-images-choice]", (b) => remember("bo-images", b.dataset.imagesChoice));

  // ── Menus, dialogs, navigation drawer ─────────────────────────────────────────────────────────
  document.addEventListener("click", (event) => {
    $$("details[data-menu][open]").forEach((menu) => { if (!menu.contains(event.target)) menu.open = false; });
  });
  const open = (dialog) => { if (dialog && !dialog.open) dialog.showModal(); };
  on("click", "[data-open]", (button, event) => {
    if (button.href && (event.ctrlKey || event.metaKey || event.shiftKey)) return;
    event.preventDefault(); // a link leads to a page that does the same without this script
    if (button.dataset.open === "#palette") return openPalette();
    if (button.dataset.open === "#shortcuts") listPageKeys();
    open($(button.dataset.open));
  });
  on("click", "[data-drawer]", (link, event) => { event.preventDefault(); open($("#" + CSS.escape(link.dataset.drawer))); });
  on("click", "[data-close]", (button) => button.closest("dialog").close());
  on("click", "dialog", (dialog, event) => {
    // A click on the backdrop reaches the dialog itself, outside its box.
    if (event.target !== dialog || dialog.id === "confirm") return;
    const box = dialog.getBoundingClientRect();
    const inside = event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
    if (!inside) dialog.close();
  });
  const showNav = (shown) => {
    root.toggleAttribute("data-nav-open", shown);
    $("[data-nav-toggle]")?.setAttribute("aria-expanded", shown);
    const page = $(".bo-page");
    if (page) page.inert = shown;
    if (shown) $(".bo-nav a")?.focus(); else $("[data-nav-toggle]")?.focus();
  };
  on("click", "[data-nav-toggle]", () => showNav(!root.hasAttribute("data-nav-open")));
  on("click", "[data-nav-close]", () => showNav(false));

  // ── Toasts ────────────────────────────────────────────────────────────────────────────────────
  const dismiss = (toast) => { toast.classList.add("is-leaving"); setTimeout(() => toast.remove(), 160); };
  const keep = (toast) => {
    // Errors stay until read; Undo stays long enough to be reached by keyboard.
    if (toast.dataset.toast === "error") return;
    const wait = $("[data-toast-undo]:not([hidden])", toast) ? 12000 : 6000;
    let timer = setTimeout(() => dismiss(toast), wait);
    toast.addEventListener("pointerenter", () => clearTimeout(timer));
    toast.addEventListener("focusin", () => clearTimeout(timer));
    toast.addEventListener("pointerleave", () => { timer = setTimeout(() => dismiss(toast), 2000); });
  };
  const toast = ({ message, kind = "success", undo_url = "", detail = "" }) => {
    const list = $("#toasts");
    const icons = { error: "is-bad", warning: "is-waits", info: "is-progress", success: "is-good" };
    const item = $("#toast-template").content.firstElementChild.cloneNode(true);
    item.dataset.toast = kind;
    item.classList.add("is-" + kind);
    if (kind === "error") $(".bo-toast-text", item).setAttribute("role", "alert"); // not the item: a list holds list items only
    $("[data-toast-text]", item).textContent = message;
    $("[data-toast-detail]", item).textContent = detail;
    const shape = $(`#shapes [data-shape="${icons[kind] || "is-good"}"]`);
    if (shape) $(".bo-toast-shape", item).replaceChildren(shape.cloneNode(true));
    const undo = $("[data-toast-undo]", item);
    undo.dataset.toastUndo = undo_url || "";
    undo.hidden = !undo_url;
    list.append(item);
    // More than four at once is noise: the oldest that is no error goes.
    if (list.children.length > 4) $$(":scope > :not([data-toast=error])", list).slice(0, 1).forEach(dismiss);
    keep(item);
  };
  on("click", "[data-toast-close]", (button) => dismiss(button.closest(".bo-toast")));
  on("click", "[data-toast-undo]", (button) => {
    const headers = JSON.parse(document.body.getAttribute("hx-headers") || "{}");
    button.disabled = true;
    fetch(button.dataset.toastUndo, { method: "POST", headers })
      .then((answer) => { if (!answer.ok) throw answer; if (answer.redirected) location.assign(answer.url); else location.reload(); })
      .catch((answer) => { button.disabled = false; explain(answer instanceof Response ? answer : null); });
  });
  document.addEventListener("toast", (event) => toast(event.detail));
  window.Backoffice = { toast };

  // ── Errors of htmx and fetch ──────────────────────────────────────────────────────────────────
  const sentenceFor = (status, body) => {
    try { const problem = JSON.parse(body); if (problem.detail || problem.title) return problem.detail || problem.title; } catch { /* a page, not problem+json */ }
    return { 403: strings.forbidden, 404: strings.notFound, 409: strings.conflict, 429: strings.busy }[status] || strings.failed;
  };
  const failed = (status, body, requestId) =>
    toast({ message: sentenceFor(status, body), kind: "error", detail: requestId ? `${strings.requestId} ${requestId}` : "" });
  const explain = (answer) => answer
    ? answer.text().then((body) => failed(answer.status, body, answer.headers.get("X-Request-Id")))
    : toast({ message: strings.unreachable, kind: "error" });
  document.addEventListener("htmx:responseError", ({ detail: { xhr } }) =>
    failed(xhr.status, xhr.responseText, xhr.getResponseHeader("X-Request-Id")));
  document.addEventListener("htmx:sendError", () => explain(null));
  document.addEventListener("htmx:timeout", () => explain(null));
  const showOffline = () => $$("[data-offline]").forEach((banner) => { banner.hidden = navigator.onLine; });
  addEventListener("online", showOffline);
  addEventListener("offline", showOffline);

  // ── Confirmation: data-confirm (what will happen), data-confirm-text, data-confirm-ok, data-danger
  const confirmed = (source) => new Promise((resolve) => {
    const dialog = $("#confirm");
    $("h2", dialog).textContent = source.dataset.confirm;
    $("[data-confirm-text]", dialog).textContent = source.dataset.confirmText || "";
    const ok = $("[data-confirm-ok]", dialog);
    ok.textContent = source.dataset.confirmOk || source.textContent.trim();
    ok.classList.toggle("btn-danger", "danger" in source.dataset);
    ok.classList.toggle("btn-primary", !("danger" in source.dataset));
    dialog.returnValue = "cancel";
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "ok"), { once: true });
    open(dialog);
  });
  document.addEventListener("submit", (event) => {
    const form = event.target;
    const source = event.submitter?.dataset.confirm ? event.submitter : form.dataset.confirm ? form : null;
    if (!source || form.dataset.confirmed) { delete form.dataset.confirmed; return; }
    event.preventDefault();
    event.stopImmediatePropagation();
    const submitter = event.submitter;
    confirmed(source).then((yes) => { if (yes) { form.dataset.confirmed = "1"; form.requestSubmit(submitter || undefined); } });
  }, true);
  document.addEventListener("htmx:confirm", (event) => {
    const source = event.detail.elt;
    if (!source.dataset?.confirm || source.tagName === "FORM") return;
    event.preventDefault();
    confirmed(source).then((yes) => { if (yes) event.detail.issueRequest(true); });
  });
  // A second click on a button whose page is already on its way would send the form twice.
  document.addEventListener("submit", (event) => {
    if (event.defaultPrevented || event.target.method === "dialog" || event.target.hasAttribute("hx-post")) return;
    const button = event.submitter;
    if (button && event.target.method === "post" && button.formTarget !== "_blank") setTimeout(() => { button.disabled = true; button.setAttribute("aria-busy", "true"); });
  });
  addEventListener("pageshow", (event) => {
    if (event.persisted) $$("button[aria-busy]").forEach((b) => { b.disabled = false; b.removeAttribute("aria-busy"); });
  });

  // ── Copying, relative times ───────────────────────────────────────────────────────────────────
  const copy = (text) => {
    if (navigator.clipboard) return navigator.clipboard.writeText(text);
    const area = Object.assign(document.createElement("textarea"), { value: text, className: "visually-hidden" });
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
    return Promise.resolve();
  };
  on("click", "[data-copy]", (button, event) => {
    event.preventDefault();
    copy(button.dataset.copy).then(() => {
      button.dataset.copied = strings.copied;
      setTimeout(() => delete button.dataset.copied, 1200);
    });
  });
  const relative = (moment) => {
    const seconds = (moment - Date.now()) / 1000;
    const minutes = Math.floor(Math.abs(seconds) / 60);
    const prefix = seconds > 0 ? "in_" : "";
    if (minutes < 1) return strings.relative.now;
    if (minutes < 60) return strings.relative[prefix + "minutes"].replace("%d", minutes);
    if (minutes < 48 * 60) return strings.relative[prefix + "hours"].replace("%d", Math.floor(minutes / 60));
    if (minutes < 31 * 24 * 60) return strings.relative[prefix + "days"].replace("%d", Math.floor(minutes / 1440));
    return null;
  };
  const refreshTimes = () => $$("time[data-relative]").forEach((time) => {
    const moment = Date.parse(time.dateTime);
    time.title = new Date(moment).toLocaleString(root.lang, { dateStyle: "medium", timeStyle: "long" });
    const text = relative(moment);
    if (text && text !== time.textContent) time.textContent = text;
    if (time.classList.contains("is-soon") && moment < Date.now()) time.classList.replace("is-soon", "is-late");
  });
  setInterval(refreshTimes, 30000);

  // ── Row peek: <a href="PAGE" hx-get="FRAGMENT" hx-target="#peek-body" data-peek="TITLE"> ────────
  const waiting = $("#peek-body")?.innerHTML;
  on("click", "[data-peek]", (link, event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    const peek = $("#peek");
    $("#peek-body").innerHTML = waiting; // the skeleton again, not the row before
    $("[data-peek-title]", peek).textContent = link.dataset.peek || link.textContent.trim();
    const page = $("[data-peek-open]", peek);
    page.hidden = !link.getAttribute("href");
    page.href = link.getAttribute("href") || "#";
    open(peek);
  });

  // ── Selection: checkboxes named in a [data-bulk] form ─────────────────────────────────────────
  let lastBox = null;
  const boxes = (form) => $$("tbody input[type=checkbox]", form).filter((box) => !box.disabled);
  const showBulk = (form) => {
    const all = boxes(form);
    const chosen = all.filter((box) => box.checked);
    const bar = $("[data-bulk-bar]", form);
    const head = $("[data-bulk-all]", form);
    if (head) { head.checked = all.length > 0 && chosen.length === all.length; head.indeterminate = chosen.length > 0 && !head.checked; }
    all.forEach((box) => box.closest("tr")?.classList.toggle("is-selected", box.checked));
    if (!bar) return;
    bar.hidden = chosen.length === 0;
    $("[data-bulk-count]", bar).textContent = strings.selected.replace("%d", chosen.length);
  };
  on("change", "form[data-bulk] input[type=checkbox]", (box) => {
    const form = box.form;
    if (box.matches("[data-bulk-all]")) boxes(form).forEach((one) => { one.checked = box.checked; });
    showBulk(form);
  });
  on("click", "form[data-bulk] tbody input[type=checkbox]", (box, event) => {
    const all = boxes(box.form);
    if (event.shiftKey && lastBox && all.includes(lastBox)) {
      const [from, to] = [all.indexOf(lastBox), all.indexOf(box)].sort((a, b) => a - b);
      all.slice(from, to + 1).forEach((one) => { one.checked = box.checked; });
      showBulk(box.form);
    }
    lastBox = box;
  });
  on("click", "[data-bulk-clear]", (button) => {
    const form = button.closest("form[data-bulk]");
    boxes(form).forEach((box) => { box.checked = false; });
    showBulk(form);
  });

  // ── Uploads: name, size and picture before anything is sent ───────────────────────────────────
  const sizeText = (bytes) => bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1e3))} KB` : `${(bytes / 1e6).toFixed(1)} MB`;
  const previewUpload = (input) => {
    const box = input.closest("[data-upload]");
    const file = input.files[0];
    const preview = $("[data-upload-preview]", box);
    const limit = Number(input.dataset.maxMb || 0);
    const tooLarge = file && limit && file.size > limit * 1e6;
    input.setCustomValidity(tooLarge ? strings.fileTooLarge.replace("%d", limit) : "");
    if (tooLarge) input.reportValidity();
    preview.hidden = !file;
    box.classList.toggle("has-file", Boolean(file));
    if (!file) return;
    $("[data-upload-name]", box).textContent = file.name;
    $("[data-upload-size]", box).textContent = sizeText(file.size);
    const thumb = $("[data-upload-thumb]", box);
    $("img", thumb)?.remove();
    if (/^image\/(png|jpe?g|webp|gif)$/.test(file.type)) {
      const image = Object.assign(new Image(), { src: URL.createObjectURL(file), alt: "" });
      image.addEventListener("load", () => URL.revokeObjectURL(image.src), { once: true });
      thumb.append(image);
    }
  };
  on("change", "[data-upload] input[type=file]", previewUpload);
  on("click", "[data-upload-clear]", (button) => {
    const input = $("input[type=file]", button.closest("[data-upload]"));
    input.value = "";
    previewUpload(input);
    input.focus();
  });
  ["dragover", "dragleave", "drop"].forEach((type) => on(type, "[data-upload]", (box) => box.classList.toggle("is-over", type === "dragover")));

  // ── Keyboard: data-key="a" on any button or link; J/K move between rows ───────────────────────
  // What lies in closed <details> has a parent to be placed by, and is not seen all the same.
  const isUsable = (element) => element.checkVisibility() && !element.disabled;

  const labelOf = (element) => {
    const copy = element.cloneNode(true);
    $$("kbd", copy).forEach((key) => key.remove());
    return copy.textContent.trim();
  };
  const listPageKeys = () => {
    const section = $("[data-page-keys]");
    // What is seen has its key beside it; [data-key-help] names keys that no button stands for.
    const keys = $$("[data-key]").filter(isUsable).concat($$("[data-key-help]").filter((line) => !line.dataset.needs || $(line.dataset.needs)));
    section.hidden = keys.length === 0;
    $$("#shortcuts [data-needs]").forEach((line) => {
      line.hidden = !$(line.dataset.needs) || Boolean(line.dataset.unless && $(line.dataset.unless));
    });
    $("dl", section).replaceChildren(...keys.map((element) => {
      const line = document.createElement("div");
      const [term, key] = [document.createElement("dt"), document.createElement("dd")];
      term.textContent = element.dataset.keyLabel || element.getAttribute("aria-label") || labelOf(element);
      (element.dataset.keyHelp?.split(" ") || [element.dataset.key.toUpperCase()]).forEach((name) => {
        key.append(Object.assign(document.createElement("kbd"), { textContent: name }), " ");
      });
      line.append(term, key);
      return line;
    }));
  };
  const moveRow = (step) => {
    const rows = $$("[data-rows] tbody tr").filter((row) => $("a, input", row));
    if (!rows.length) return false;
    const at = rows.findIndex((row) => row.contains(document.activeElement));
    const row = rows[Math.min(rows.length - 1, Math.max(0, at < 0 ? (step > 0 ? 0 : rows.length - 1) : at + step))];
    ($("a", row) || $("input", row)).focus();
    row.scrollIntoView({ block: "nearest" });
    return true;
  };
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") { event.preventDefault(); return openPalette(); }
    if (event.key === "Escape") {
      if (root.hasAttribute("data-nav-open")) showNav(false);
      $$("details[data-menu][open]").forEach((menu) => { menu.open = false; $("summary", menu).focus(); });
      return;
    }
    const typing = event.target.closest?.("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]");
    if (typing || event.ctrlKey || event.metaKey || event.altKey || $("dialog[open]:not(.bo-drawer)")) return;
    const key = event.key.toLowerCase();
    const target = $$(`[data-key="${CSS.escape(key)}"]`).find(isUsable);
    if (target) { event.preventDefault(); return target.matches("input:not([type=checkbox]), textarea, select") ? target.focus() : target.click(); }
    if (key === "?") { listPageKeys(); return open($("#shortcuts")); }
    if (key === "/") { const search = $("main input[type=search]"); if (search) { event.preventDefault(); search.focus(); } return; }
    if ((key === "j" || key === "k") && moveRow(key === "j" ? 1 : -1)) event.preventDefault();
  });

  // ── Palette: the page's navigation and actions, then the server's answers ─────────────────────
  let searching = null;
  const line = (text) => {
    const item = document.createElement("li");
    item.setAttribute("role", "none");
    if (text) Object.assign(item, { className: "bo-muted", textContent: text });
    return item;
  };
  const option = (label, href, note, act) => {
    const item = line();
    const link = Object.assign(document.createElement(href ? "a" : "button"), { tabIndex: -1 });
    link.setAttribute("role", "option"); // the link itself: inside an option readers would not hear of it
    if (href) link.href = href; else link.addEventListener("click", () => { $("#palette").close(); act.matches("input, textarea, select") ? act.focus() : act.click(); });
    link.append(label);
    if (note) link.append(Object.assign(document.createElement("small"), { textContent: note }));
    item.append(link);
    return item;
  };
  const pageOptions = () => [
    ...$$("[data-actions] a.btn, [data-actions] button").filter(isUsable).map((e) => option(labelOf(e), e.getAttribute("href"), e.dataset.key?.toUpperCase(), e)),
    ...$$("[data-key]").filter((e) => isUsable(e) && !e.closest("[data-actions]")).map((e) => option(e.dataset.keyLabel || labelOf(e), null, e.dataset.key.toUpperCase(), e)),
    ...$$(".bo-nav-items a").map((link) => option($("span", link).textContent.trim(), link.href, strings.page)),
    // A button here may lie in a menu that is closed: pressing it works all the same.
    ...$$("[data-palette]").map((e) => option(e.dataset.palette || labelOf(e), e.href, e.dataset.paletteNote, e)),
  ];
  const choose = (index) => {
    const items = $$("#palette-list [role=option]");
    items.forEach((item, i) => { item.setAttribute("aria-selected", i === index); item.id = "palette-" + i; });
    items[index]?.scrollIntoView({ block: "nearest" });
    const input = $("#palette input");
    if (items[index]) input.setAttribute("aria-activedescendant", "palette-" + index); else input.removeAttribute("aria-activedescendant");
    input.setAttribute("aria-expanded", items.length > 0);
    $("[data-palette-count]").textContent = items.length ? strings.results.replace("%d", items.length) : strings.noResults;
  };
  const fillPalette = (query) => {
    const list = $("#palette-list");
    const words = query.toLowerCase().split(/\s+/).filter(Boolean);
    const found = pageOptions().filter((item) => words.every((word) => item.textContent.toLowerCase().includes(word)));
    list.replaceChildren(...found);
    choose(0);
    const url = document.body.dataset.searchUrl;
    clearTimeout(searching);
    if (!found.length && (!url || query.length < 2)) list.append(line(strings.noResults));
    if (!url || query.length < 2) return;
    // The server answers JSON: [{"label", "href", "note"}]
    searching = setTimeout(() => fetch(`${url}?q=${encodeURIComponent(query)}`, { headers: { Accept: "application/json" } })
      .then((answer) => (answer.ok ? answer.json() : []))
      .then((results) => {
        if ($("#palette input").value !== query) return;
        $$(".bo-muted", list).forEach((note) => note.remove());
        // The page lists its own navigation already.
        const here = new Set($$("#palette-list a").map((link) => link.href));
        const at = $$("#palette-list [role=option]").findIndex((item) => item.getAttribute("aria-selected") === "true");
        list.append(...results.filter((r) => !here.has(new URL(r.href, location).href)).map((r) => option(r.label, r.href, [r.kind, r.note].filter(Boolean).join(" · "))));
        if (!list.children.length) list.append(line(strings.noResults));
        choose(Math.max(0, at)); // whoever has moved on already stays there
      }).catch(() => {}), 150);
  };
  const openPalette = () => {
    const palette = $("#palette");
    if (!palette) return;
    $("input", palette).value = "";
    fillPalette("");
    open(palette);
    $("input", palette).focus();
  };
  on("input", "#palette input", (input) => fillPalette(input.value));
  on("keydown", "#palette input", (input, event) => {
    const items = $$("#palette-list [role=option]");
    const at = items.findIndex((item) => item.getAttribute("aria-selected") === "true");
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      choose((at + (event.key === "ArrowDown" ? 1 : -1) + items.length) % items.length);
    }
    if (items.length && (event.key === "Home" || event.key === "End") && !input.value) { event.preventDefault(); choose(event.key === "Home" ? 0 : items.length - 1); }
    // A search field keeps the first Escape to empty itself; the palette should just close.
    if (event.key === "Escape") { event.preventDefault(); $("#palette").close(); }
    if (event.key === "Enter") { event.preventDefault(); items[at]?.click(); }
  });

  // ── Start, and again after each swap ──────────────────────────────────────────────────────────
  const refresh = () => {
    refreshTimes();
    $$("form[data-bulk]").forEach(showBulk);
  };
  $$("#toasts > .bo-toast").forEach(keep);
  $("[data-focus]")?.focus();
  if (/Mac|iPhone|iPad/.test(navigator.platform)) {
    $$(".bo-search kbd").forEach((key) => { key.textContent = "⌘K"; });
    $$("[data-ctrl]").forEach((key) => { key.textContent = "⌘"; });
  }
  showChoices();
  showOffline();
  refresh();
  document.addEventListener("htmx:afterSwap", refresh);
})();
