// SPDX-License-Identifier: Apache-2.0
// The list of all nodes is drawn as far as it is in view, so that ten thousand are as quick as ten. Without this script
// the page still shows the verdict, the troubles, the cohorts and the matrix.
"use strict";
(() => {
  document.documentElement.classList.add("js");
  const data = JSON.parse(document.getElementById("data").textContent);
  const list = document.getElementById("list"), search = document.getElementById("search"), state = document.getElementById("state");
  const shown = document.getElementById("shown"), detail = document.getElementById("detail"), HEIGHT = 28;
  const inner = document.createElement("div");
  list.append(inner);
  let rows = data.nodes;
  const text = (tag, value, name) => {
    const element = document.createElement(tag);
    element.textContent = value;
    if (name) element.className = name;
    return element;
  };
  // A node is [name, state, colour, action, cohorts, message, problems].
  const draw = () => {
    const first = Math.max(0, Math.floor(list.scrollTop / HEIGHT) - 5), last = Math.min(rows.length, first + Math.ceil(list.clientHeight / HEIGHT) + 10);
    inner.style.height = rows.length * HEIGHT + "px";
    inner.replaceChildren(...rows.slice(first, last).map((node, i) => {
      const row = document.createElement("div");
      row.className = "row " + node[2];
      row.style.top = (first + i) * HEIGHT + "px";
      row.tabIndex = 0;
      row.append(text("span", node[0], "mono"), text("span", node[1], "state"), text("span", node[3]), text("span", node[4]), text("span", node[5]));
      row.onclick = () => show(node);
      row.onkeydown = (event) => { if (event.key === "Enter") show(node); };
      return row;
    }));
  };
  const show = (node) => {
    const head = text("h3", node[0] + ": " + node[1]);
    const items = document.createElement("ul");
    for (const [kind, part, message, remedy, action] of node[6]) {
      const item = text("li", kind + (part ? " " + part : "") + ": " + message);
      if (remedy) item.append(document.createElement("br"), text("b", "fix: " + remedy));
      if (action !== "none") item.append(text("span", " [" + action + "]", "soft"));
      items.append(item);
    }
    if (node[6].length === 0) items.append(text("li", "nothing to tell"));
    const reports = text("p", node[7].join(", "), "soft mono");
    detail.replaceChildren(head, items, reports);
  };
  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean), wanted = state.value;
    rows = data.nodes.filter((node) => (!wanted || node[1] === wanted) &&
      words.every((word) => (node[0] + " " + node[1] + " " + node[3] + " " + node[5]).toLowerCase().includes(word)));
    shown.textContent = rows.length + " of " + data.nodes.length;
    list.scrollTop = 0;
    draw();
  };
  for (const name of [...new Set(data.nodes.map((node) => node[1]))].sort()) {
    const option = text("option", name);
    option.value = name;
    state.append(option);
  }
  search.oninput = filter;
  state.onchange = filter;
  list.onscroll = draw;
  window.onresize = draw;
  const map = document.querySelector(".map svg");
  if (map) {
    const at = (event) => {
      const box = map.getBoundingClientRect(), scale = map.viewBox.baseVal.width / box.width;
      const column = Math.floor((event.clientX - box.left) * scale / data.cell), line = Math.floor((event.clientY - box.top) * scale / data.cell);
      return column < data.columns ? data.nodes[line * data.columns + column] : undefined;
    };
    map.onmousemove = (event) => { const node = at(event); document.getElementById("under").textContent = node ? node[0] + ": " + node[1] : ""; };
    map.onclick = (event) => { const node = at(event); if (node) show(node); };
  }
  filter();
})();
