// One block beside the original: two drawings, a table of what differs, and the steps in words.
const { tokenscope } = window;
const { say } = tokenscope;
const at = (name) => element.querySelector(name);
const own = tokenscope.blockDrawing(at('.ts-block-own .ts-block-host'), 'ts-arrow-own');
const old = tokenscope.blockDrawing(at('.ts-block-old .ts-block-host'), 'ts-arrow-old');
const NAMES = { attention: tokenscope.later('Attention'), neurons: tokenscope.later('Neurons') };
let payload = null;

function cell(tag, text, name = '') {
  const node = document.createElement(tag);
  node.textContent = text;
  if (name) node.className = name;
  if (tag === 'th') node.scope = 'row';
  return node;
}

function drawFacts() {
  at('.ts-block-facts tbody').replaceChildren(...payload.facts.map(([what, mine, theirs, differs]) => {
    const row = document.createElement('tr');
    row.append(cell('th', what), cell('td', mine, differs ? 'ts-differs' : ''), cell('td', theirs));
    if (differs) row.children[1].prepend(cell('span', '≠', 'ts-unequal'));
    return row;
  }));
}

function drawSteps() {
  at('.ts-block-told').replaceChildren(...payload.own.told.map((sentence, index) => {
    const item = cell('li', sentence);
    const tab = payload.own.nodes[index].opens;
    if (!tab) return item;
    const name = say(NAMES[tab]);
    const button = cell('button', say('open {tab}', { tab: name }), 'ts-opens');
    button.type = 'button';
    button.dataset.tab = tab;
    item.append(' ', button);
    return item;
  }));
}

function draw() {
  if (!props.value) return;
  payload = props.value;
  const last = payload.layers - 1;
  at('.ts-block-title').textContent = say('Block {layer} of 0 to {last}, as it runs', { layer: payload.layer, last });
  at('.ts-block-own figcaption').textContent = say('{model}, block {layer}: {module}', { model: payload.name, layer: payload.layer, module: payload.module });
  at('.ts-stepper output').textContent = payload.layer;
  at('[data-by="-1"]').disabled = payload.layer === 0;
  at('[data-by="1"]').disabled = payload.layer === last;
  at('.ts-block-reason').hidden = !payload.reason;
  at('.ts-block-reason').textContent = payload.reason;
  own.draw(payload.own, `${say('block {layer}', { layer: payload.layer })}: ${payload.own.told.join(' ')}`);
  old.draw(payload.original, `${say('the original block')}: ${payload.original.told.join(' ')}`);
  drawFacts();
  drawSteps();
}

element.addEventListener('click', (event) => {
  const place = event.target.closest('[data-tab], [data-by]');
  if (!place || !payload) return;
  const { tab, by } = place.dataset;
  if (tab) tokenscope.act('open_tab', { tab, layer: payload.layer });
  else if (payload.layer + Number(by) >= 0 && payload.layer + Number(by) < payload.layers) tokenscope.act('layer', { layer: payload.layer + Number(by) });
});
watch('value', draw);
draw();
