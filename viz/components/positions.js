// Positions: dials that turn, the score against distance, vectors that are added, and two texts packed into one context.
const { tokenscope } = window;
const { say, sayMany } = tokenscope;
const find = (selector) => element.querySelector(selector);
const MOST_DIALS = 32;
const DIAL = 30; // radius of a dial
const dials = find('.ts-dials');
let payload = null;
let rotary = null; // with its arrays

const signed = (value, digits = 3) => `${value < 0 ? '−' : ''}${Math.abs(value).toFixed(digits)}`;
const powers = (value) => (value === 0 ? '0' : value.toExponential(1).replace('e-', ' · 10⁻').replace(/⁻(\d+)$/, (_, digits) => `⁻${[...digits].map((one) => '⁰¹²³⁴⁵⁶⁷⁸⁹'[one]).join('')}`).replace(/e\+(\d+)$/, ' · 10^$1'));
const tiny = (value) => (Math.abs(value) >= 0.01 || value === 0 ? value.toFixed(3) : powers(Math.abs(value)));
const wave = (frequency) => (frequency === 0 ? say('never') : sayMany('{count} token', '{count} tokens', Math.round(2 * Math.PI / Math.abs(frequency))));

function cell(row, text, name = 'td') {
  const made = document.createElement(name);
  made.textContent = text;
  row.append(made);
  return made;
}

// --- the dials ------------------------------------------------------------------------------------------------------
function makeDial() {
  const dial = document.createElement('div');
  dial.className = 'ts-dial';
  const svg = tokenscope.svg('svg', { viewBox: '-36 -36 72 72', width: 72, height: 72, role: 'img' }, dial);
  tokenscope.svg('circle', { r: DIAL, class: 'ts-dial-rim' }, svg);
  for (const name of ['ts-of-query', 'ts-of-key']) {
    tokenscope.svg('line', { x1: 0, y1: 0, class: `ts-arrow ${name}` }, svg);
    tokenscope.svg('circle', { r: 3, class: `ts-tip-dot ${name}` }, svg);
  }
  for (const name of ['ts-dial-wave', 'ts-dial-part']) {
    const line = document.createElement('span');
    line.className = name;
    dial.append(line);
  }
  dials.append(dial);
  return dial;
}

function drawDials(distance, move) {
  const count = Math.min(MOST_DIALS, rotary.pairs.length);
  while (dials.children.length > count) dials.lastElementChild.remove();
  const first = rotary.position - rotary.key; // how far apart they are in the text
  for (let pair = 0; pair < count; pair += 1) {
    const dial = dials.children[pair] || makeDial();
    const frequency = rotary.frequency[pair];
    const ends = [0, 1].map((which) => {
      const at = 2 * (which * rotary.pairs.length + pair);
      const angle = frequency * (move - (which ? distance - first : 0));
      const [x, y] = [rotary.vectors[at], rotary.vectors[at + 1]];
      return [x * Math.cos(angle) - y * Math.sin(angle), x * Math.sin(angle) + y * Math.cos(angle)];
    });
    const longest = Math.max(...ends.map(([x, y]) => Math.hypot(x, y)), 1e-9);
    const marks = dial.querySelectorAll('.ts-arrow, .ts-tip-dot');
    ends.forEach(([x, y], which) => {
      const [right, up] = [(DIAL * x) / longest, (-DIAL * y) / longest];
      marks[2 * which].setAttribute('x2', right);
      marks[2 * which].setAttribute('y2', up);
      marks[2 * which + 1].setAttribute('cx', right);
      marks[2 * which + 1].setAttribute('cy', up);
    });
    const part = rotary.parts[pair * rotary.scores.length + distance];
    dial.children[1].textContent = wave(frequency);
    dial.children[2].textContent = signed(part, 2);
    const [one, other] = rotary.pairs[pair];
    const turns = { speed: frequency.toPrecision(3), round: wave(frequency), part: signed(part, 4) };
    const told = say('{speed} radians a token, once round in {round}; adds {part} to the score', turns);
    dial.title = [say('dimensions {one} and {other}', { one, other }), told].join(': ');
    dial.firstChild.setAttribute('aria-label', dial.title);
  }
}

// --- the curve ------------------------------------------------------------------------------------------------------
function drawScores(distance) {
  const count = rotary.scores.length;
  const { colours, theme, mix } = tokenscope;
  const lines = rotary.pairs.map((_, pair) => ({
    values: rotary.parts.subarray(pair * count, (pair + 1) * count), className: 'ts-part-line',
    colour: mix(colours.sequential[theme()].slice(1), 1 - pair / Math.max(1, rotary.pairs.length - 1)),
  }));
  lines.push({ values: rotary.scores, className: 'ts-total-line' });
  tokenscope.axisCurve(find('.ts-rotary .ts-curve'), lines, distance, say('tokens between key and query'), say('score'));
  const score = { distance, score: signed(rotary.scores[distance], 4) };
  find('.ts-curve-told').textContent = [
    distance === rotary.position - rotary.key ? say('{distance} apart, as in the text: score {score} (orange line).', score)
      : say('{distance} apart: score {score} (orange line).', score),
    say('Thin lines: what each pair adds, darker for faster ones.'),
    rotary.flat && say('{count} dimensions are not turned and add {score} at any distance.', { count: rotary.flat, score: signed(rotary.rest, 4) }),
    say('The score is scaled, before any softcap and the softmax.'),
  ].filter(Boolean).join(' ');
}

function turn() {
  const [distance, move] = [Number(find('.ts-distance').value), Number(find('.ts-move').value)];
  find('.ts-apart').textContent = sayMany('{count} token', '{count} tokens', distance);
  find('.ts-moved').textContent = sayMany('{count} position', '{count} positions', move);
  drawDials(distance, move);
  drawScores(distance);
}

function drawRotary() {
  find('.ts-rotary').hidden = !payload.rotary;
  if (!payload.rotary) return;
  const arrays = Object.fromEntries(['frequency', 'vectors', 'scores', 'parts'].map((name) => [name, tokenscope.decode(payload.rotary[name])]));
  rotary = { ...payload.rotary, ...arrays };
  find('.ts-query-name').textContent = `${rotary.labels[0]} (${rotary.position})`;
  const select = find('.ts-key-choice');
  select.replaceChildren(...payload.choices.map(([position, label]) => new Option(`${label} (${position})`, position)));
  select.value = rotary.key;
  const slider = find('.ts-distance');
  slider.max = rotary.scores.length - 1;
  slider.value = Math.min(rotary.scores.length - 1, rotary.position - rotary.key);
  const shown = Math.min(MOST_DIALS, rotary.pairs.length);
  const all = rotary.pairs.length + rotary.left_out;
  const halves = rotary.layout === 'halves';
  const pairs = {
    all, shown, layout: halves ? say('each dimension with the one half the turned width further on') : say('neighbouring dimensions together'),
  };
  find('.ts-rotary-facts').textContent = [
    shown < all ? say('{all} pairs, {shown} of them drawn, {layout}.', pairs) : say('{all} pairs, {layout}.', pairs),
    say('Under each dial: how long one round takes, and what the pair adds to the score.'),
    rotary.flat && say('{count} dimensions of the head are not turned.', { count: rotary.flat }),
    Math.abs(rotary.length - 1) > 1e-4
      && say('The tables also make both vectors {factor} times as long (scaled positions).', { factor: rotary.length.toFixed(3) }),
  ].filter(Boolean).join(' ');
  const body = find('.ts-moves tbody');
  body.replaceChildren(...rotary.shifts.map((shift, index) => {
    const row = document.createElement('tr');
    cell(row, tokenscope.whole(shift));
    cell(row, signed(rotary.moved[index], 6));
    cell(row, index ? powers(Math.abs(rotary.moved[index] - rotary.moved[0])) : '–');
    return row;
  }));
  turn();
}

// --- vectors that are added, slopes ---------------------------------------------------------------------------------
const cosines = tokenscope.cells(find('.ts-cosines'), {
  walks: true,
  describe: ({ row, column, value }) => [
    say('positions {one} and {other}', { one: payload.learned.sampled[row], other: payload.learned.sampled[column] }),
    say('cosine {value}', { value: signed(value, 4) }),
  ],
});

function bar(name, values, top, classes) {
  const row = document.createElement('div');
  row.className = 'ts-added-row';
  const label = document.createElement('code');
  label.textContent = name;
  row.append(label);
  values.forEach((value, index) => {
    const track = document.createElement('span');
    track.className = 'ts-added-track';
    const fill = document.createElement('span');
    fill.className = classes[index];
    fill.style.width = `${(100 * value) / top}%`;
    const number = document.createElement('span');
    number.className = 'ts-number';
    number.textContent = value >= 0.001 ? Number(value.toPrecision(3)) : powers(value);
    track.append(fill);
    row.append(track, number);
  });
  return row;
}

function drawLearned() {
  const { learned } = payload;
  find('.ts-learned').hidden = !learned;
  if (!learned) return;
  const [token, added, norm] = ['token', 'added', 'norm'].map((name) => tokenscope.decode(learned[name]));
  const top = Math.max(...token, ...added, 1e-9);
  find('.ts-added').replaceChildren(...learned.labels.map((label, index) =>
    bar(`${label} (${learned.start + index})`, [token[index], added[index]], top, ['ts-own-length', 'ts-position-length'])));
  const size = learned.sampled.length;
  cosines.draw({ values: tokenscope.decode(learned.cosine), rows: size, columns: size, low: -1, high: 1, scale: 'diverging',
    about: say('cosine of every sampled position with every other'),
  });
  find('.ts-learned .ts-ramp').style.backgroundImage = tokenscope.gradient('diverging');
  find('.ts-learned .ts-of').textContent = say('{size} of {count} positions, 0 at the top left', { size, count: tokenscope.whole(norm.length) });
  tokenscope.axisCurve(find('.ts-norms'), [{ values: norm, className: 'ts-total-line' }], null, say('position'), say('length'));
  const sum = learned.error
    ? say('Token vector plus position vector is stream 0, to {error} of its largest value.', { error: powers(learned.error) })
    : say('Token vector plus position vector is stream 0, exactly.');
  find('.ts-learned-told').textContent = [sum, say('Blue: the token’s own vector; orange: its position’s.')].join(' ');
}

function drawSlopes() {
  const { slopes } = payload.scheme;
  find('.ts-slopes').hidden = !slopes.length;
  const top = Math.max(...slopes.map(Math.abs), 1e-9);
  find('.ts-slope-rows').replaceChildren(...slopes.map((slope, head) => bar(say('head {head}', { head }), [Math.abs(slope)], top, ['ts-own-length'])));
}

// --- packing --------------------------------------------------------------------------------------------------------
function drawPacked(packed) {
  find('.ts-packed').hidden = false;
  find('.ts-packed').classList.toggle('ts-stale', packed.model !== payload?.model);
  const named = (top) => top.map(([label, share]) => `${label} ${tokenscope.percent(share)}`).join(', ');
  find('.ts-packed-told').textContent = sayMany(
    'The second text has {count} token. Run alone, its largest logit is {logit}, and next come: {tokens}.',
    'The second text has {count} tokens. Run alone, its largest logit is {logit}, and next come: {tokens}.',
    packed.labels.length, { logit: packed.largest.toFixed(2), tokens: named(packed.alone) },
  );
  find('.ts-packed tbody').replaceChildren(...packed.runs.map((run) => {
    const row = document.createElement('tr');
    const same = run.possible && run.difference < 1e-3 * packed.largest;
    row.className = same ? 'ts-same' : '';
    cell(row, run.restarted ? say('begin at 0 again') : say('go on from {position}', { position: packed.first }), 'th');
    cell(row, run.separate ? say('no, hidden') : say('yes'));
    if (!run.possible) {
      cell(row, say('not possible with this model')).colSpan = 4;
      return row;
    }
    cell(row, same ? say('{difference} ✓ as alone', { difference: tiny(run.difference) }) : tiny(run.difference));
    cell(row, tokenscope.percent(Math.max(...run.variation)));
    cell(row, say('{changed} of {total}', { changed: run.changed, total: packed.labels.length }));
    cell(row, named(run.top)).className = 'ts-packed-top';
    return row;
  }));
}

function draw() {
  if (!props.value) return;
  if (props.value.scan) {
    drawPacked(props.value.scan);
    return;
  }
  const before = payload;
  payload = props.value;
  const { scheme } = payload;
  find('.ts-positions-told').textContent = [
    scheme.told,
    scheme.error !== null && say('Proved: a text moved by {shift} positions has the same queries and keys once turned back, to {error}.', {
      shift: scheme.shift, error: powers(scheme.error),
    }),
    say('The context has {count} positions.', { count: tokenscope.whole(scheme.context) }),
  ].filter(Boolean).join(' ');
  find('.ts-unavailable').hidden = !payload.unavailable;
  find('.ts-unavailable').textContent = payload.unavailable || '';
  ['layer', 'head'].forEach((name, index) => {
    find(`[data-name="${name}"] output`).textContent = payload.selected[index];
  });
  find('.ts-rotary').hidden = true;
  drawRotary();
  if (payload.unavailable && scheme.rotated.some(Boolean)) find('.ts-rotary').hidden = false; // to choose another block
  drawLearned();
  drawSlopes();
  if (before && before.model !== payload.model) find('.ts-packed').hidden = true;
  if (!find('.ts-first-text').value && !find('.ts-second-text').value) {
    [find('.ts-first-text').value, find('.ts-second-text').value] = payload.documents;
  }
}

element.addEventListener('click', (event) => {
  const button = event.target.closest('.ts-stepper button');
  if (!button || !payload) return;
  const count = [payload.layers, payload.heads];
  const which = button.parentElement.dataset.name === 'layer' ? 0 : 1;
  const chosen = [...payload.selected];
  chosen[which] = (chosen[which] + Number(button.dataset.by) + count[which]) % count[which];
  tokenscope.act('head', { layer: chosen[0], head: chosen[1] });
});
find('.ts-key-choice').addEventListener('change', ({ target }) => {
  if (payload.keys.length) tokenscope.act('clear_keys');
  tokenscope.act('key', { position: Number(target.value) });
});
find('.ts-distance').addEventListener('input', turn);
find('.ts-move').addEventListener('input', turn);
tokenscope.longRun(element, {
  start: find('.ts-pack'),
  wrong: find('.ts-packing-wrong'),
  question: () => ({ what: 'positions', first: find('.ts-first-text').value, second: find('.ts-second-text').value }),
});
new ResizeObserver(() => {
  if (!payload || !element.offsetParent) return;
  if (payload.rotary) turn();
  if (payload.learned) drawLearned();
}).observe(element);
tokenscope.onTheme(() => {
  if (payload?.rotary) turn();
  if (payload?.learned) drawLearned();
});
watch('value', draw);
draw();
