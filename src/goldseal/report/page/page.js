// SPDX-License-Identifier: Apache-2.0
'use strict';
document.documentElement.classList.add('js');
for (const panel of document.querySelectorAll('.findings')) {
  const search = panel.querySelector('input[type=search]');
  const boxes = [...panel.querySelectorAll('input[type=checkbox]')];
  const said = panel.querySelector('[role=status]');
  const items = [...panel.querySelectorAll('.finding')].map(node => ({node, text: node.textContent.toLowerCase()}));
  const groups = [...panel.querySelectorAll('details.group')];
  const apply = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = new Set(boxes.filter(box => box.checked).map(box => box.value));
    let shown = 0;
    for (const {node, text} of items) {
      node.hidden = !(wanted.has(node.dataset.status) && words.every(word => text.includes(word)));
      shown += !node.hidden;
    }
    for (const group of groups) {
      group.hidden = !group.querySelector('.finding:not([hidden])');
      if (words.length) group.open = true;
    }
    said.textContent = `${shown} of ${items.length} shown`;
  };
  for (const group of groups) group.open = false;
  search.addEventListener('input', apply);
  search.addEventListener('keydown', event => {
    if (event.key === 'Escape') { search.value = ''; apply(); }
  });
  for (const box of boxes) box.addEventListener('change', apply);
  for (const button of panel.querySelectorAll('button'))
    button.addEventListener('click', () => {
      for (const node of [...groups, ...items.map(item => item.node)])
        if (!node.hidden) node.open = button.value === 'open';
    });
  apply();
}
for (const box of document.querySelectorAll('.matrix-tools input')) {
  const rows = document.querySelectorAll('.matrix tr.same');
  const apply = () => { for (const row of rows) row.hidden = box.checked; };
  box.addEventListener('change', apply);
  apply();
}
// On paper nothing can be opened.
let folded = [];
addEventListener('beforeprint', () => {
  folded = [...document.querySelectorAll('details.group:not([open])')];
  for (const group of folded) group.open = true;
});
addEventListener('afterprint', () => { for (const group of folded) group.open = false; });
const articles = [...document.querySelectorAll('article')];
const follow = () => {
  const target = location.hash.length > 1 ? document.getElementById(location.hash.slice(1)) : null;
  const article = target && target.closest('article');
  if (articles.length > 1) for (const other of articles) other.hidden = other !== article;
  if (!target) return;
  for (let node = target; node; node = node.parentElement) if (node.tagName === 'DETAILS') node.open = true;
  target.hidden = false;
  target.scrollIntoView();
  const focused = target.matches('details') ? target.querySelector('summary') : target;
  focused.focus({preventScroll: true});
};
addEventListener('hashchange', follow);
follow();
addEventListener('keydown', event => {
  if (event.key !== '/' || event.target.closest('input')) return;
  const search = [...document.querySelectorAll('input[type=search]')].find(input => input.offsetParent);
  if (!search) return;
  event.preventDefault();
  search.focus();
});
