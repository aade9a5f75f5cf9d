// A table whose rows can be chosen, with the mouse or the keyboard. Only what has changed is written.

function cellOf(tag, column) {
  const cell = document.createElement(tag);
  cell.classList.toggle("vp-right", column.right);
  cell.classList.toggle("vp-wraps", column.wraps);
  return cell;
}

function render({ model, el }) {
  el.classList.add("vp-grid");
  el.dataset.lmSuppressShortcuts = "true"; // keys are for what has the focus, not for the notebook
  const table = document.createElement("table");
  const empty = document.createElement("div");
  const group = `vp-${Math.random().toString(36).slice(2)}`;
  const shown = new Map(); // a row's key -> its <tr>
  let head, body;
  el.append(table, empty);

  function choose(key) {
    model.set("selected", key);
    model.save_changes();
  }

  function drawHead() {
    const columns = model.get("columns");
    const row = document.createElement("tr");
    if (model.get("selectable")) row.append(document.createElement("td"));
    for (const column of columns) {
      const cell = cellOf("th", column);
      cell.scope = "col";
      cell.textContent = column.heading;
      row.append(cell);
    }
    head = document.createElement("thead");
    body = document.createElement("tbody");
    head.append(row);
    table.replaceChildren(head, body);
    table.ariaLabel = model.get("label");
    shown.clear();
    drawRows();
  }

  function newRow(key) {
    const row = document.createElement("tr");
    if (model.get("selectable")) {
      const radio = Object.assign(document.createElement("input"), { type: "radio", name: group });
      radio.onchange = () => choose(key);
      row.append(document.createElement("td"));
      row.firstChild.append(radio);
      row.onclick = (event) => {
        if (radio.disabled || event.target === radio) return;
        radio.checked = true;
        radio.focus();
        choose(key);
      };
    }
    for (const column of model.get("columns")) row.append(cellOf("td", column));
    return row;
  }

  function drawRows() {
    const rows = model.get("rows");
    const offset = model.get("selectable") ? 1 : 0;
    const keys = new Set(rows.map((row) => row.key));
    for (const [key, row] of shown) {
      if (!keys.has(key)) {
        row.remove();
        shown.delete(key);
      }
    }
    rows.forEach((content, place) => {
      const row = shown.get(content.key) ?? newRow(content.key);
      shown.set(content.key, row);
      if (body.children[place] !== row) body.insertBefore(row, body.children[place] ?? null);
      content.cells.forEach((text, index) => {
        const cell = row.children[index + offset];
        if (cell.textContent !== text) cell.textContent = text;
      });
      row.className = content.tone ? `vp-row-${content.tone}` : "";
      if (offset) {
        const radio = row.querySelector("input");
        radio.disabled = content.tone === "muted";
        radio.ariaLabel = content.name;
      }
    });
    empty.textContent = rows.length ? "" : model.get("empty");
    table.hidden = rows.length === 0;
    showChosen();
  }

  function showChosen() {
    for (const [key, row] of shown) {
      const chosen = key === model.get("selected");
      row.classList.toggle("vp-chosen", chosen);
      const radio = row.querySelector("input");
      if (radio) radio.checked = chosen;
    }
  }

  const states = [
    ["change:columns", drawHead],
    ["change:rows change:empty", drawRows],
    ["change:selected", showChosen],
  ];
  for (const [events, listener] of states) model.on(events, listener);
  drawHead();
  return () => {
    for (const [events, listener] of states) model.off(events, listener);
  };
}

export default { render };
