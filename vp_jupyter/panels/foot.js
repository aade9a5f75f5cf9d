// The foot of a panel: what is going on, the question that waits for a yes, a snippet, and a heartbeat that
// tells the kernel that somebody looks.

const HEARTBEAT = 15_000; // ms

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

/** Put a code cell below the one this is in; tells whether that could be done. */
function insertCell(model, el, source) {
  const cell = el.closest(".jp-Cell");
  const notebook = model.widget_manager?.context?.model?.sharedModel;
  if (!cell || !notebook?.insertCell) return false;
  const siblings = [...cell.parentElement.children].filter((one) => one.classList.contains("jp-Cell"));
  const windowed = Number.parseInt(cell.dataset.windowedListIndex ?? "", 10);
  const place = (Number.isNaN(windowed) ? siblings.indexOf(cell) : windowed) + 1;
  if (notebook.cells[place]?.getSource() !== source) {
    notebook.insertCell(place, { cell_type: "code", source, metadata: {} });
  }
  return true;
}

function render({ model, el }) {
  el.classList.add("vp-foot");
  el.dataset.lmSuppressShortcuts = "true"; // keys are for what has the focus, not for the notebook
  const status = element("div", { role: "status", ariaLive: "polite", className: "vp-status" });
  const question = element("div", { role: "alertdialog", className: "vp-question", hidden: true });
  const snippet = element("div", { className: "vp-snippet", hidden: true });
  el.append(status, question, snippet);

  function showStatus() {
    status.textContent = model.get("status");
    status.className = `vp-status vp-${model.get("tone") || "calm"}`;
  }

  function showQuestion() {
    const asked = model.get("question");
    question.hidden = !asked;
    if (!asked) return question.replaceChildren();
    const answer = (yes) => {
      question.hidden = true; // at once: there is one answer
      model.send({ answer: yes, to: asked });
    };
    const yes = element("button", { type: "button", textContent: model.get("yes"), className: "vp-yes" });
    const no = element("button", { type: "button", textContent: "No", className: "vp-no" });
    yes.classList.toggle("vp-danger", model.get("danger"));
    yes.onclick = () => answer(true);
    no.onclick = () => answer(false);
    question.onkeydown = (event) => {
      if (event.key === "Escape") answer(false);
    };
    question.ariaLabel = asked;
    question.replaceChildren(element("p", { textContent: asked }), yes, no);
    no.focus(); // what costs nothing is what a hasty Enter gets
  }

  function showSnippet(source) {
    const copy = element("button", { type: "button", textContent: "Copy" });
    copy.onclick = async () => {
      await navigator.clipboard.writeText(source);
      copy.textContent = "Copied";
    };
    snippet.replaceChildren(element("pre", { textContent: source }), copy);
    snippet.hidden = false;
  }

  function heard(message) {
    if (message.insert !== undefined) {
      const done = insertCell(model, el, message.insert);
      if (!done) showSnippet(message.insert);
      model.send({ inserted: done });
    }
    if (message.show !== undefined) showSnippet(message.show);
  }

  const beat = () => model.send({ watching: true });
  const timer = setInterval(beat, HEARTBEAT);
  const states = [
    ["change:status change:tone", showStatus],
    ["change:question", showQuestion],
    ["msg:custom", heard],
  ];
  for (const [events, listener] of states) model.on(events, listener);
  showStatus();
  showQuestion();
  beat();
  return () => {
    clearInterval(timer);
    for (const [events, listener] of states) model.off(events, listener);
    model.send({ watching: false });
  };
}

export default { render };
