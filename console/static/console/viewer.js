// Pictures and papers of the evidence, larger and turned: [data-view="Title"] on a link to a picture. Without
// this script the link opens the file. + − 0 R zoom, fit and turn; J K go to the next and the one before.
(() => {
  const dialog = document.getElementById("viewer");
  const all = [...document.querySelectorAll("[data-view]")];
  // The same picture may stand in two places of the page.
  const links = all.filter((link, index) => all.findIndex((other) => other.href === link.href) === index);
  if (!dialog || !links.length) return;
  const within = (selector) => dialog.querySelector(selector);
  const [stage, frame, image] = [".con-viewer-stage", ".con-viewer-frame", "img"].map(within);
  const [SMALLEST, LARGEST, STEP] = [0.25, 8, 1.25];
  let [at, zoom, turns] = [0, 1, 0];

  // Declared here, because it only works with this script.
  Object.assign(links[0].dataset, { key: "v", keyLabel: dialog.dataset.openLabel });

  const draw = () => {
    if (!image.naturalWidth) return;
    // What is in the middle stays there.
    const middle = [(stage.scrollLeft + stage.clientWidth / 2) / stage.scrollWidth, (stage.scrollTop + stage.clientHeight / 2) / stage.scrollHeight];
    const isTurned = turns % 2 !== 0;
    const [width, height] = [image.naturalWidth, image.naturalHeight];
    const [across, down] = isTurned ? [height, width] : [width, height];
    // At 100 % the whole picture fits; small ones are not blown up.
    const fit = Math.min(stage.clientWidth / across, stage.clientHeight / down, 1) * zoom;
    Object.assign(frame.style, { width: `${across * fit}px`, height: `${down * fit}px`, marginTop: `${Math.max(0, (stage.clientHeight - down * fit) / 2)}px` });
    Object.assign(image.style, { width: `${width * fit}px`, height: `${height * fit}px`, transform: `translate(-50%, -50%) rotate(${turns * 90}deg)` });
    stage.scrollTo(middle[0] * stage.scrollWidth - stage.clientWidth / 2, middle[1] * stage.scrollHeight - stage.clientHeight / 2);
    within("output").textContent = `${Math.round(zoom * 100)} %`;
  };
  const show = (index) => {
    at = (index + links.length) % links.length;
    [zoom, turns] = [1, 0];
    const link = links[at];
    within("h2").textContent = link.dataset.view;
    within("[data-view-file]").href = link.href;
    within("[data-view-place]").textContent = links.length > 1 ? `${at + 1} / ${links.length}` : "";
    dialog.querySelectorAll("[data-view-act=previous], [data-view-act=next]").forEach((button) => { button.hidden = links.length < 2; });
    image.alt = link.querySelector("img")?.alt || link.dataset.view;
    image.src = link.href;
    draw();
  };
  const acts = {
    in: () => { zoom = Math.min(LARGEST, zoom * STEP); },
    out: () => { zoom = Math.max(SMALLEST, zoom / STEP); },
    fit: () => { [zoom, turns] = [1, 0]; },
    turn: (event) => { turns += event?.shiftKey ? -1 : 1; },
    next: () => show(at + 1),
    previous: () => show(at - 1),
  };
  const act = (name, event) => { acts[name](event); draw(); };

  image.addEventListener("load", draw);
  addEventListener("resize", () => { if (dialog.open) draw(); });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-view]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    dialog.showModal();
    show(links.findIndex((other) => other.href === link.href));
    stage.focus();
  });
  dialog.addEventListener("click", (event) => {
    const button = event.target.closest("[data-view-act]");
    if (button) act(button.dataset.viewAct, event);
  });
  dialog.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const key = { "=": "+", "_": "-", "−": "-" }[event.key] || event.key.toLowerCase();
    const button = dialog.querySelector(`[data-view-key="${CSS.escape(key)}"]`);
    if (button && !button.hidden) { event.preventDefault(); act(button.dataset.viewAct, event); }
  });
  // A picture larger than the window is moved by hand.
  stage.addEventListener("pointerdown", (event) => {
    if (event.pointerType !== "mouse") return;
    const move = (moved) => stage.scrollBy(-moved.movementX, -moved.movementY);
    stage.setPointerCapture(event.pointerId);
    stage.addEventListener("pointermove", move);
    stage.addEventListener("lostpointercapture", () => stage.removeEventListener("pointermove", move), { once: true });
  });
})();
