// The map of the model: the way through its parts with the shapes of the prompt, the module tree, the parameters.
const { tokenscope } = window;
const { say, later } = tokenscope;
const at = (name) => element.querySelector(name);
const flow = at('.ts-flow');
const tree = at('.ts-tree');
const HEIGHT = 320; // of the treemap
const MOST_BLOCKS = 48; // buttons; the stepper of the block's tab reaches the others
const TAB_NAMES = {
  tokenizer: later('Tokenizer'), embeddings: later('Embeddings'), positions: later('Positions'), block: later('Block'),
  attention: later('Attention'), neurons: later('Neurons'), contributions: later('Who wrote this?'),
};
// Where each kind's colour is among the categories.
const KINDS = { embedding: 0, attention: 4, MLP: 3, norm: 5, head: 1, positions: 7, blocks: 2, block: 2, tokenizer: 6, other: 8 };
let payload = null;
let grown = ''; // which model's tree stands there
let hues = null;

const colour = (kind) => tokenscope.colours.categories[tokenscope.theme()][KINDS[kind] ?? KINDS.other];
const counted = (number) => (number >= 1e9 ? `${(number / 1e9).toPrecision(3)} B` : number >= 1e6 ? `${(number / 1e6).toPrecision(3)} M` : tokenscope.whole(number));

const made = (tag, name, text) => tokenscope.make(tag, name, null, text);

// A button that opens a tab, with a block selected where it is about one.
function opener(tab, text, layer) {
  const button = made('button', 'ts-opens', text);
  button.type = 'button';
  button.dataset.tab = tab;
  if (layer !== undefined) button.dataset.layer = layer;
  const view = say(TAB_NAMES[tab]);
  button.title = layer === undefined ? say('open {view}', { view }) : say('open {view}, block {layer}', { view, layer });
  return button;
}

// --- the way through the model -----------------------------------------------------------------------------------------
function box(kind, title, tab, lines) {
  const item = made('li', 'ts-box');
  item.dataset.kind = kind;
  item.append(tab ? opener(tab, title) : made('strong', '', title), ...lines.filter(Boolean).map((line) => made('span', 'ts-box-line', line)));
  return item;
}

function shape(once, then) {
  const item = made('li', 'ts-shape');
  const arrow = made('span', 'ts-arrow', '');
  arrow.setAttribute('aria-hidden', 'true');
  item.append(made('code', '', once), arrow, made('code', 'ts-then', then));
  if (then) item.lastChild.title = say('each further token alone');
  return item;
}

function tokenBox() {
  const item = box('tokenizer', say('Tokenizer'), 'tokenizer', [say('text → token ids')]);
  const list = made('span', 'ts-box-tokens');
  list.append(...payload.tokens.map(([id, label]) => {
    const token = made('span', '', label);
    token.append(made('small', '', id));
    return token;
  }));
  item.append(list);
  if (payload.prompt > payload.tokens.length) item.append(made('span', 'ts-box-line', say('{count} tokens in all', { count: payload.prompt })));
  return item;
}

function stageBox(stage) {
  const own = stage.parameters ? say('{count} parameters', { count: counted(stage.parameters) }) : say('no parameters');
  const parameters = stage.tied ? say('the embeddings’ matrix again') : own;
  if (stage.kind !== 'blocks') {
    const used = stage.beside ? say('{shape}, used in every block', { shape: stage.returned }) : say('added to the embeddings');
    return box(stage.kind, stage.title, stage.opens, [stage.module, parameters, stage.kind === 'positions' && used]);
  }
  const item = box('blocks', stage.title, 'block', [stage.module, parameters]);
  const row = made('span', 'ts-box-blocks');
  for (let layer = 0; layer < Math.min(stage.count, MOST_BLOCKS); layer += 1) row.append(opener('block', String(layer), layer));
  if (stage.count > MOST_BLOCKS) row.append(made('span', '', '…'));
  item.append(row);
  return item;
}

function drawFlow() {
  const [id, label, share] = payload.first;
  const items = [tokenBox()];
  const first = payload.stages.find((stage) => stage.given);
  if (first) items.push(shape(first.given, first.step && '[1, 1]'));
  payload.stages.forEach((stage, place) => {
    const item = stageBox(stage);
    items.push(item);
    const next = payload.stages[place + 1];
    // What is used beside the line stands under the part before it, and the line goes on from there.
    if (stage.kind === 'positions') {
      item.classList.add('ts-beside');
      item.dataset.sign = stage.beside ? '' : '+';
      const line = items.at(-2);
      if (line.classList.contains('ts-box')) return items.push(shape(stage.beside ? payload.stages[place - 1].returned : stage.returned, stage.beside ? payload.stages[place - 1].step : stage.step));
    }
    if (next?.kind === 'positions') return undefined;
    if (stage.kind !== 'positions') items.push(shape(stage.returned, stage.step));
    return undefined;
  });
  const end = box('tokenizer', say('Next token'), null, [say('first choice of {size}', { size: tokenscope.whole(payload.vocabulary) })]);
  const chosen = made('span', 'ts-box-first', label);
  chosen.append(made('small', '', `${id} · ${tokenscope.percent(share)}`));
  end.append(chosen);
  flow.replaceChildren(...items, end);
}

// --- the tree ----------------------------------------------------------------------------------------------------------
// A line with the button that opens its view beside it: a summary is a button itself and can hold none.
function withOpener(part, [, , path, kind]) {
  const node = made('div', 'ts-tree-node');
  const tab = path && payload.opens[kind];
  if (tab) {
    const button = opener(tab, say(TAB_NAMES[tab]));
    button.dataset.of = path;
    node.append(button);
  }
  node.append(part);
  return node;
}

function line([, text, path, kind, shapes, parameters]) {
  const row = document.createElement('span');
  row.className = 'ts-tree-line';
  row.dataset.kind = kind;
  row.append(made('code', '', text));
  if (path) {
    row.dataset.path = path;
    row.append(made('span', 'ts-tree-shapes', shapes), made('span', 'ts-tree-count', parameters ? counted(parameters) : ''));
    if (parameters) row.lastChild.title = say('{count} parameters', { count: tokenscope.whole(parameters) });
  }
  return row;
}

function drawTree() {
  const key = `${payload.model}:${payload.tree.length}`;
  if (key === grown) {
    // The same model with another prompt: only the shapes are new, and what is folded stays so.
    const shapes = new Map(payload.tree.map((row) => [row[2], row[4]]));
    for (const row of tree.querySelectorAll('[data-path]')) row.children[1].textContent = shapes.get(row.dataset.path);
    return;
  }
  grown = key;
  tree.replaceChildren();
  const open = [tree];
  payload.tree.forEach((row, place) => {
    const [depth, text] = row;
    const folds = payload.tree[place + 1]?.[0] > depth;
    const parent = open[depth];
    if (folds) {
      const group = made('details', 'ts-tree-group');
      group.open = true;
      const head = document.createElement('summary');
      head.append(line(row));
      group.append(head);
      parent.append(withOpener(group, row));
      open[depth + 1] = group;
    } else if (text === ')') open[depth + 1].append(line(row));
    else parent.append(withOpener(line(row), row));
  });
}

// --- the parameters ----------------------------------------------------------------------------------------------------
const treemap = tokenscope.figure(at('.ts-treemap .ts-figure'), {
  bundle: 'whole',
  sizeOf: () => ({ width: at('.ts-treemap').clientWidth, height: HEIGHT, margin: { l: 0, r: 0, t: 22, b: 0 } }),
  onPick(point) {
    const index = payload.treemap.ids.indexOf(point.id);
    const tab = payload.opens[payload.treemap.kinds[index]];
    if (!tab || !point.id.startsWith('part')) return;
    const layer = payload.treemap.blocks[index];
    tokenscope.act('open_tab', layer < 0 ? { tab } : { tab, layer });
  },
  onHover(point, event) {
    const index = payload.treemap.ids.indexOf(point.id);
    const { ids, labels, parents, values } = payload.treemap;
    const parent = labels[ids.indexOf(parents[index])];
    tokenscope.showTip(event.clientX, event.clientY, [
      parents[index].startsWith('block ') ? say('{block}: {part}', { block: parent, part: labels[index] }) : labels[index],
      say('{count} parameters', { count: tokenscope.whole(values[index]) }),
      say('{share} of the model', { share: tokenscope.percent(values[index] / values[ids.indexOf('model')]) }),
    ]);
  },
});

function drawTreemap() {
  const { kinds, blocks, ...areas } = payload.treemap;
  const names = tokenscope.colours.variables[tokenscope.theme()];
  const colours = kinds.map((kind, index) => (areas.ids[index].startsWith('part') ? colour(kind) : names.sunken));
  const inks = colours.map((fill) => tokenscope.inkOn(tokenscope.mix([fill, fill], 0)));
  const trace = {
    type: 'treemap', ...areas, branchvalues: 'total', sort: false, marker: { colors: colours, line: { width: 1, color: names.page }, pad: { t: 20, l: 2, r: 2, b: 2 } },
    tiling: { pad: 1 }, textinfo: 'label', textfont: { size: 10, color: inks }, hoverinfo: 'none', pathbar: { thickness: 18, textfont: { color: names.ink } }, maxdepth: 4, root: { color: names.sunken },
  };
  treemap.draw({ data: [trace], layout: { uniformtext: { minsize: 9, mode: 'hide' } } });
  const shares = payload.parts.map(([name, , , , share]) => `${name} ${tokenscope.percent(share)}`).join(', ');
  at('.ts-treemap .ts-figure').setAttribute('aria-label', `${tokenscope.say('parameters by part')}: ${shares}`);
}

function drawParts() {
  at('.ts-map-parts').replaceChildren(...payload.parts.map(([name, kind, block, count, share]) => {
    const tab = payload.opens[kind];
    const row = made(tab ? 'button' : 'div', 'ts-map-part');
    if (tab) {
      row.type = 'button';
      row.dataset.tab = tab;
      row.title = say('open {view}', { view: say(TAB_NAMES[tab]) });
    }
    row.dataset.kind = kind;
    const track = made('span', 'ts-track');
    track.append(document.createElement('span'));
    track.firstChild.style.width = `${100 * share}%`;
    row.append(made('span', 'ts-map-part-name', name), track, made('span', 'ts-number', tokenscope.whole(count)), made('span', 'ts-number', tokenscope.percent(share)));
    return row;
  }));
}

function paint() {
  for (const node of element.querySelectorAll('[data-kind]')) node.style.setProperty('--ts-kind', colour(node.dataset.kind));
}

function draw() {
  if (!props.value) return;
  payload = props.value;
  const grey = payload.stepLogits ? [say('In grey: each further token, which goes through alone, behind the cache.')] : [];
  at('.ts-map-note').textContent = [payload.note, ...grey].join(' ');
  at('.ts-map-total').textContent = payload.total;
  at('.ts-map-tied').textContent = payload.tied;
  drawFlow();
  drawTree();
  drawParts();
  const drawn = `${payload.model}:${tokenscope.theme()}`;
  if (drawn !== hues) {
    hues = drawn;
    drawTreemap();
  }
  paint();
}

element.addEventListener('click', (event) => {
  const button = event.target.closest('button');
  if (!button) return;
  const { tab, layer, fold } = button.dataset;
  if (fold) for (const group of tree.querySelectorAll('details')) group.open = fold === 'open';
  else if (tab) {
    tokenscope.act('open_tab', layer === undefined ? { tab } : { tab, layer: Number(layer) });
  }
});
at('.ts-treemap').addEventListener('mouseleave', tokenscope.hideTip);
tokenscope.onTheme(() => {
  if (!payload) return;
  hues = `${payload.model}:${tokenscope.theme()}`;
  drawTreemap();
  paint();
});
watch('value', draw);
draw();
