// The bar of tabs: groups above, the tabs of the chosen group below. A tab opens at once; what it shows is an action
// like any other, since only the open one is computed.
const { tokenscope } = window;
const groupBar = element.querySelector('.ts-groups');
const tabBar = element.querySelector('.ts-tabs');
const lastOf = {}; // group -> the tab that was open in it last
// A style of our own and no class on the panels: gradio writes their classes anew when it likes.
const style = document.head.appendChild(document.createElement('style'));
let open = null;

const groups = () => props.value.groups;
const groupOf = (tab) => groups().find(([, tabs]) => tabs.some(([name]) => name === tab));

function button(text, className, chosen, onClick) {
  const made = document.createElement('button');
  made.type = 'button';
  made.className = className;
  made.textContent = text;
  made.addEventListener('click', onClick);
  if (chosen) made.classList.add('ts-chosen');
  return made;
}

function drawTabs(group) {
  tabBar.replaceChildren(...group[1].map(([name, title]) => {
    const tab = button(title, 'ts-tab', name === open, () => choose(name));
    tab.id = `tab-${name}`;
    tab.setAttribute('role', 'tab');
    tab.setAttribute('aria-selected', String(name === open));
    tab.setAttribute('aria-controls', `panel-${name}`);
    return tab;
  }));
}

function drawGroups(group) {
  groupBar.replaceChildren(...groups().map((one) => {
    const [title, tabs] = one;
    const made = button(title, 'ts-group', one === group, () => choose(lastOf[title] || tabs[0][0]));
    made.setAttribute('aria-pressed', String(one === group));
    return made;
  }));
}

function show(tab) {
  if (tab === open) return;
  const focused = element.contains(document.activeElement) && document.activeElement.textContent;
  open = tab;
  const group = groupOf(tab);
  lastOf[group[0]] = tab;
  drawGroups(group);
  drawTabs(group);
  if (focused) [...element.querySelectorAll('button')].find((one) => one.textContent === focused)?.focus();
  for (const panel of document.querySelectorAll('.ts-tab-panel')) {
    const name = panel.id.replace('panel-', '');
    panel.setAttribute('role', 'tabpanel');
    panel.setAttribute('aria-labelledby', `tab-${name}`);
  }
  style.textContent = `.ts-tab-panel:not(#panel-${tab}) { display: none !important; }`;
  Object.assign(document.body.dataset, { tab, tabGroup: groups().indexOf(group) });
}

function choose(tab) {
  show(tab);
  tokenscope.act('tab', { tab });
}

// An answer to something older must not close a tab that was opened since.
tokenscope.onView((view) => {
  if (!tokenscope.pending('tab')) show(view.tab);
});
show(groups()[0][1][0][0]);
