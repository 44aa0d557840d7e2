// Which head looks at this: bars and a grid of all heads for the chosen tokens, and the selected head's strongest pairs.
const { tokenscope } = window;
const { say } = tokenscope;
const rows = element.querySelector('.ts-head-rows');
const chosen = element.querySelector('.ts-chosen-list');
const pairs = element.querySelector('.ts-pairs');
const note = element.querySelector('.ts-hidden-note');
let ranking = null;
let weights = null;
let groups = null;
let selected = null;

const named = ([position, label]) => `“${label}” (${position})`;
const at = (layer, head) => layer * ranking.heads + head;

const grid = tokenscope.headGrid(element.querySelector('.ts-head-canvas'), {
  paint(context, layer, head, x, y, size) {
    const colour = tokenscope.mix(tokenscope.colours.sequential[tokenscope.theme()], weights[at(layer, head)]);
    context.fillStyle = colour;
    context.fillRect(x, y, size, size);
  },
  describe: (layer, head) => [say('{share} of its attention', { share: tokenscope.percent(weights[at(layer, head)]) })],
  limits: { largest: 44, smallest: 9, height: 460 },
});

function drawQuestion({ query, hide }) {
  const question = element.querySelector('.ts-question');
  const clear = element.querySelector('.ts-clear');
  clear.hidden = !ranking;
  chosen.replaceChildren(...(ranking ? ranking.keys : []).map((key) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'ts-chip';
    button.dataset.position = key[0];
    button.textContent = `${key[1]} (${key[0]}) ×`;
    button.setAttribute('aria-label', say('no longer ask about {token}', { token: named(key) }));
    return button;
  }));
  if (!ranking) {
    question.textContent = say(
      'Which head looks from {token} at … ? Choose one or more tokens: Shift-click them in the text, press K with the cursor on one, or press + in the list of the tab Attention.',
      { token: named(query) },
    );
    return;
  }
  const notes = [];
  if (ranking.ahead.length) notes.push(say('Tokens after the cursor cannot be seen from it.'));
  if (ranking.hidden_keys.length) notes.push(say('A chosen token is hidden by the switch above, so no head can look at it.'));
  question.textContent = notes.length ? [say('Which head looks from {token} at …?', { token: named(query) }), ...notes, say('Chosen:')].join(' ')
    : say('Which head looks from {token} at', { token: named(query) });
  element.querySelector('.ts-which').dataset.hide = hide;
}

function drawRows() {
  element.querySelector('.ts-two').hidden = !ranking;
  if (!ranking) return;
  rows.replaceChildren(...ranking.order.map(([layer, head]) => {
    const off = ranking.ablated.some(([one, other]) => one === layer && other === head);
    const group = ranking.shared ? say('kv {group}', { group: groups[at(layer, head)] }) : '';
    return tokenscope.headRow({ layer, head, group, off, share: weights[at(layer, head)], number: tokenscope.percent(weights[at(layer, head)]) });
  }));
  mark();
}

function mark() {
  for (const row of rows.children) {
    const here = selected && Number(row.dataset.layer) === selected.layer && Number(row.dataset.head) === selected.head;
    if (here) row.setAttribute('aria-current', 'true');
    else row.removeAttribute('aria-current');
  }
}

function drawPairs(found) {
  const title = element.querySelector('.ts-pairs-title');
  title.textContent = found ? say('What {head} connects most', { head: `L${found.layer} H${found.head}` }) : '';
  if (!found) {
    pairs.replaceChildren();
    return;
  }
  const strengths = tokenscope.decode(found.weights);
  pairs.replaceChildren(...found.pairs.map(([query, from, key, to], index) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'ts-pair';
    button.dataset.query = query;
    for (const [name, text] of [['ts-from', from], ['ts-arrow', `(${query}) → `], ['ts-to', to], ['ts-arrow', `(${key})`], ['ts-number', tokenscope.percent(strengths[index])]]) {
      const part = document.createElement('span');
      part.className = name;
      part.textContent = text;
      button.append(part);
    }
    return button;
  }));
}

function draw() {
  if (!props.value) return;
  const payload = props.value;
  const missing = element.querySelector('.ts-unavailable');
  missing.hidden = !payload.unavailable;
  missing.textContent = payload.unavailable || '';
  ranking = payload.ranking;
  if (ranking) {
    [weights, groups] = [tokenscope.decode(ranking.weights), tokenscope.decode(ranking.groups)];
    grid.draw(ranking);
  }
  const hidden = payload.hide !== 'none' && ranking && ranking.mean_hidden !== null;
  note.hidden = !hidden;
  if (hidden) {
    const share = tokenscope.percent(ranking.mean_hidden);
    note.textContent = payload.hide === 'first'
      ? say('The first token is hidden: {share} of this token\'s attention, over all heads; the rest is scaled up to 1.', { share })
      : say('Special tokens are hidden: {share} of this token\'s attention, over all heads; the rest is scaled up to 1.', { share });
  }
  drawQuestion(payload);
  drawRows();
  drawPairs(payload.pairs);
}

element.addEventListener('click', (event) => {
  const button = event.target.closest('button');
  if (!button) return;
  const { layer, head, position, query } = button.dataset;
  if (layer !== undefined) tokenscope.act('open_head', { layer: Number(layer), head: Number(head) });
  else if (position !== undefined) tokenscope.act('key', { position: Number(position) });
  else if (query !== undefined) tokenscope.act('cursor', { position: Number(query) });
  else if (button.classList.contains('ts-clear')) tokenscope.act('clear_keys');
});

function drawScale() {
  tokenscope.legend(element, 'linear');
}
tokenscope.onTheme(drawScale);
drawScale();
tokenscope.onView((view) => {
  selected = view;
  mark();
});
watch('value', draw);
draw();
