// Prompt parts: a form of seven, the prompt in their colours, attention by part and layer, and each part left out.
const { tokenscope } = window;
const { make, say, sayMany, later } = tokenscope;
const find = (selector) => element.querySelector(selector);
const fields = find('.ts-part-fields');
const ABOUT = [ // each part, in the order of their names
  later('who the model is to be'), later('what to do'), later('why, and what else to know'), later('the shape of the answer'),
  later('who will read it'), later('how it is to sound'), later('what to work on'),
];
const INSTRUCTION = 1; // the part that is mostly the longest
let payload = null;
let effects = null;
let rowsOf = 'average';

const colourOf = (part) => `var(--ts-part-${part})`;
const kl = (value) => (value === null ? '∞' : value.toFixed(3));

// --- the form -------------------------------------------------------------------------------------------------------
function makeFields() {
  payload.names.forEach((name, part) => {
    const label = make('label', 'ts-part-field', fields);
    label.style.setProperty('--ts-own', colourOf(part));
    const title = make('span', 'ts-part-title', label);
    make('b', '', title, name);
    make('span', '', title, say(ABOUT[part]));
    const box = make('textarea', '', label);
    Object.assign(box, { rows: part === INSTRUCTION ? 2 : 1, maxLength: payload.most });
    box.setAttribute('aria-label', name);
  });
}

const boxes = () => [...fields.querySelectorAll('textarea')];
const write = (texts) => boxes().forEach((box, part) => { box.value = texts[part]; });

// --- the strip ------------------------------------------------------------------------------------------------------
function drawStrip() {
  const { labels, part, left_out: rest, chat } = payload.spans;
  find('.ts-parts-way').textContent = chat ? say('in the chat template') : say('as it stands, without a template');
  const host = find('.ts-parts-strip');
  host.replaceChildren();
  labels.forEach((label, position) => {
    const token = make('span', 'ts-parts-token', host, label);
    const name = part[position] < 0 ? say('no part') : payload.names[part[position]];
    token.title = say('{token} ({position}): {part}', { token: label, position, part: name });
    if (part[position] >= 0) token.style.setProperty('--ts-own', colourOf(part[position]));
    else token.classList.add('ts-no-part');
  });
  const more = say('and {count} more tokens', { count: rest });
  if (rest) make('span', 'ts-shown', host, ` ${more}`);
}

// --- attention ------------------------------------------------------------------------------------------------------
// [[name, shares of the groups]] with the layers from the first; only the parts, as shares of theirs, where that is asked for.
function shareRows() {
  const { attention } = payload;
  const values = tokenscope.decode(attention[rowsOf]);
  const count = attention.groups.length;
  const rows = Array.from({ length: attention.layers }, (_, layer) => [`L${layer}`, [...values.subarray(layer * count, (layer + 1) * count)]]);
  rows.push([say('even spread'), [...tokenscope.decode(attention.uniform)]]);
  if (!find('.ts-rest-out').checked) return rows;
  const parts = payload.names.length;
  return rows.map(([name, shares]) => {
    const own = shares.slice(0, parts).reduce((sum, share) => sum + share, 0);
    return [name, shares.map((share, group) => (group < parts ? share / (own || 1) : 0))];
  });
}

function drawShares() {
  const { attention } = payload;
  find('.ts-attention-known').hidden = !attention;
  find('.ts-prompt-parts .ts-unavailable').hidden = !payload.unavailable;
  find('.ts-prompt-parts .ts-unavailable').textContent = payload.unavailable || '';
  if (!attention) return;
  find('.ts-attention-of').textContent = rowsOf === 'here'
    ? say('of “{token}” ({position}), mean over heads', { token: attention.label, position: attention.position })
    : sayMany('of the {count} token that was written from, mean over heads', 'of the {count} tokens that were written from, mean over heads', attention.averaged);
  for (const button of element.querySelectorAll('[data-rows]')) button.setAttribute('aria-pressed', String(button.dataset.rows === rowsOf));
  const host = find('.ts-share-rows');
  const rows = shareRows();
  host.replaceChildren();
  rows.forEach(([name, shares], index) => {
    const row = make('div', index === attention.layers ? 'ts-share-row ts-even' : 'ts-share-row', host);
    make('span', 'ts-share-name', row, name);
    const bar = make('span', 'ts-share-bar', row);
    if (Number.isNaN(shares[0])) {
      make('span', 'ts-shown', bar, say('no attention here'));
      return;
    }
    shares.forEach((share, group) => {
      if (share <= 0) return;
      const piece = make('span', `ts-share ts-group-${group}`, bar);
      piece.style.width = `${100 * share}%`;
      piece.dataset.told = `${attention.groups[group]}\t${tokenscope.percent(share)}\t${name}`;
    });
  });
  const legend = find('.ts-share-legend');
  const some = attention.groups.map((_, group) => rows.some(([, shares]) => shares[group] > 0));
  legend.replaceChildren();
  attention.groups.forEach((group, index) => {
    if (!some[index]) return;
    const entry = make('li', '', legend);
    make('span', `ts-swatch ts-group-${index}`, entry);
    entry.append(` ${group}`);
  });
  drawNumbers(rows, attention.groups);
}

function drawNumbers(rows, groups) {
  const table = find('.ts-share-numbers table');
  table.replaceChildren();
  const head = make('tr', '', make('thead', '', table));
  for (const name of ['', ...groups]) make('th', '', head, name);
  const body = make('tbody', '', table);
  for (const [name, shares] of rows) {
    const row = make('tr', '', body);
    make('th', '', row, name);
    for (const share of shares) make('td', '', row, tokenscope.percent(share));
  }
}

// --- parts left out -------------------------------------------------------------------------------------------------
function askedAfter() {
  if (!payload.asked) return '';
  const [position, token, last] = payload.asked;
  return last ? say('on the token after the prompt, and the text that follows')
    : say('on the token after “{token}” ({position}), and the text that follows the prompt', { token, position });
}

function drawEffects() {
  const host = find('.ts-effects');
  find('.ts-asked-after').textContent = askedAfter();
  const stale = effects && effects.about !== payload.about;
  find('.ts-effects-told').textContent = !effects
    ? say('Nothing is known yet: press the button. It can be cancelled. Put the cursor on a written token to ask about the one after it.')
    : stale ? say('This is about an earlier text or cursor: run it again.') : say('{done} of {total} known.', { done: effects.done, total: effects.total });
  host.classList.toggle('ts-stale', Boolean(stale));
  host.replaceChildren();
  for (const row of effects?.rows || []) {
    const entry = make('div', 'ts-effect', host);
    if (row.part >= 0) entry.style.setProperty('--ts-own', colourOf(row.part));
    const head = make('div', 'ts-effect-head', entry);
    make('b', '', head, row.part < 0 ? say('all parts') : say('without {part}', { part: payload.names[row.part] }));
    if (row.part >= 0) {
      const track = make('span', 'ts-effect-track', head);
      make('span', '', track).style.width = `${100 * row.variation}%`;
      const variation = row.variation < 0.0005 ? '<0.001' : row.variation.toFixed(3);
      make('span', 'ts-effect-number', head, say('moved {variation}, KL {divergence}', { variation, divergence: kl(row.divergence) }));
    }
    const then = make('span', 'ts-effect-top', head);
    const changed = row.part >= 0 && row.top !== effects.rows[0].top;
    tokenscope.weave(then, changed ? say('next: now {token} {share} ({before} {earlier})') : say('next: {token} {share}'), {
      token: make('code', changed ? 'ts-changed' : '', null, row.top),
      share: tokenscope.percent(row.probability),
      before: effects.rows[0].top,
      earlier: tokenscope.percent(row.before),
    });
    const text = make('p', 'ts-effect-text', entry);
    const equal = row.part >= 0 && row.equal;
    make('span', '', text, equal ? say('the same text, token for token') : row.same);
    make(row.part < 0 ? 'span' : 'strong', '', text, row.other);
    if (row.ended) make('span', 'ts-shown', text, ` (${row.ended})`);
  }
}

function draw() {
  if (!props.value) return;
  if (props.value.scan) {
    effects = props.value.scan;
    find('.ts-prompt-parts .ts-meter').value = effects.done / effects.total;
    if (payload) drawEffects();
    return;
  }
  const before = payload;
  payload = props.value;
  if (!fields.children.length) makeFields();
  const texts = JSON.stringify(payload.texts);
  if (!before || JSON.stringify(before.texts) !== texts) write(payload.texts);
  find('[data-chat="chat"]').disabled = !payload.chat;
  find('[data-chat="chat"]').title = payload.chat ? '' : say('This model has no chat template.');
  find('.ts-parts-hint').textContent = payload.hint || '';
  find('.ts-parts-hint').hidden = !payload.hint;
  find('.ts-parts-known').hidden = !payload.spans;
  if (!payload.spans) return;
  drawStrip();
  drawShares();
  drawEffects();
}

element.addEventListener('click', ({ target }) => {
  const begin = target.closest('.ts-begin');
  if (begin) {
    composes('compose', { texts: boxes().map((box) => box.value), chat: begin.dataset.chat === 'chat' });
  }
  const rows = target.closest('[data-rows]');
  if (rows) {
    rowsOf = rows.dataset.rows;
    drawShares();
  }
});
find('.ts-example').addEventListener('click', () => write(payload.example));
find('.ts-rest-out').addEventListener('change', drawShares);
const composes = tokenscope.beside(find('.ts-compose-wrong'));
tokenscope.longRun(element, {
  start: find('.ts-leave-out'),
  wrong: find('.ts-leave-wrong'),
  question: () => ({ what: 'parts', following: Number(find('.ts-following').value) }),
});
find('.ts-share-rows').addEventListener('mousemove', (event) => {
  const piece = event.target.closest('[data-told]');
  if (!piece) {
    tokenscope.hideTip();
    return;
  }
  const [group, share, name] = piece.dataset.told.split('\t');
  tokenscope.showTip(event.clientX, event.clientY, [group, say('{share} of the attention, {row}', { share, row: name })]);
});
find('.ts-share-rows').addEventListener('mouseleave', tokenscope.hideTip);
watch('value', draw);
draw();
