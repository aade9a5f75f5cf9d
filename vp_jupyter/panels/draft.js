// A text field whose content goes to the kernel, and into nothing that is saved.

function render({ model, el }) {
  el.classList.add("vp-draft");
  el.dataset.lmSuppressShortcuts = "true"; // keys are for what has the focus, not for the notebook
  const field = document.createElement("textarea");
  const label = document.createElement("label");
  field.id = `vp-${Math.random().toString(36).slice(2)}`;
  field.rows = model.get("lines");
  field.placeholder = model.get("placeholder");
  field.spellcheck = false;
  field.autocomplete = "off";
  label.htmlFor = field.id;
  label.textContent = model.get("label");
  el.append(label, field);
  let timer;
  const send = () => {
    clearTimeout(timer);
    model.send({ text: field.value });
  };
  field.oninput = () => {
    clearTimeout(timer);
    timer = setTimeout(send, 200);
  };
  field.onblur = send;
  const heard = (message) => {
    if (message.clear) field.value = "";
  };
  model.on("msg:custom", heard);
  return () => {
    clearTimeout(timer);
    model.off("msg:custom", heard);
  };
}

export default { render };
