// Beam search: settings, the tree as it grows, and the results beside greedy decoding.
const { tokenscope } = window;
const { say, sayMany } = tokenscope;
const find = (selector) => element.querySelector(selector);
const width = find('.ts-beam-width');
const steps = find('.ts-beam-steps');
const penalty = find('.ts-beam-penalty');
const begin = find('.ts-start');
const meter = find('.ts-meter');
const rows = find('.ts-beam-rows');
const [WIDEST, LONGEST] = [8, 12];
let frame = null;
let scan = null;
let arrays = null;
let picked = -1;

const number = (value) => value.toFixed(2).replace('-', '−');
const chance = (total) => tokenscope.percent(Math.exp(total));

function way(node) {
  const nodes = [];
  for (let at = node; at >= 0; at = scan.parent[at]) nodes.unshift(at);
  return nodes;
}

const textOf = (node) => way(node).map((one) => scan.labels[one]).join('');

const FATES = {
  kept: () => say('kept'),
  ended: () => say('ended the text'),
  dropped: () => sayMany('dropped: {count} other had a higher total', 'dropped: {count} others had higher totals', scan.width),
  greedy: () => say('not among the candidates; only greedy decoding comes here'),
};
const fateOf = (node) => FATES[scan.fates[scan.fate[node]]]();

function describe(node) {
  const { log_probability: own, total } = arrays;
  return [
    say('“{token}” as token {number}', { token: scan.labels[node], number: scan.step[node] + 1 }),
    say('log-probability {value} nats ({chance})', { value: number(own[node]), chance: chance(own[node]) }),
    say('total {value} nats ({chance})', { value: number(total[node]), chance: chance(total[node]) }),
    fateOf(node),
  ];
}

function summary(node) {
  const total = arrays.total[node];
  const fate = fateOf(node);
  return say('“{text}”: total {value} nats ({chance}); {fate}.', { text: textOf(node), value: number(total), chance: chance(total), fate });
}

const tree = tokenscope.beamTree(find('.ts-beam-tree'), { onPick: pick, describe });

function pick(node) {
  picked = node;
  const said = find('.ts-beam-said span');
  const known = node >= 0 && node < scan.parent.length;
  said.textContent = known ? summary(node) : say('Choose a token of the tree for the text up to it.');
  find('.ts-write').hidden = !known || isStale();
  for (const row of rows.children) row.setAttribute('aria-pressed', String(Number(row.dataset.end) === node));
}

function isStale() {
  const { about } = scan;
  return about.state !== frame.state || about.ids.length !== frame.ids.length || about.ids.some((id, index) => id !== frame.ids[index]);
}

function drawTree() {
  const numbers = { beams: scan.results.length, tokens: Math.max(...scan.step) + 1 };
  const told = tokenscope.say('the tree of beams, {tokens} tokens deep, {beams} results', numbers);
  find('.ts-beam-tree').setAttribute('aria-label', `${told}; ${tokenscope.say('arrow keys choose a token')}`);
  const best = scan.results.length && scan.finished ? way(scan.results[0][0]) : [];
  tree.draw({
    ...scan,
    own: arrays.log_probability,
    best: new Set(best),
    greedy: new Set(scan.greedy_way),
    dropped: find('.ts-show-dropped').checked,
  }, picked);
}

function makeRow() {
  const row = document.createElement('button');
  row.type = 'button';
  row.className = 'ts-beam-row';
  for (const name of ['ts-beam-place', 'ts-beam-text', 'ts-number', 'ts-number', 'ts-number']) {
    row.append(Object.assign(document.createElement(name === 'ts-beam-text' ? 'code' : 'span'), { className: name }));
  }
  return row;
}

function drawRows() {
  const same = scan.results.findIndex(([end]) => end === scan.greedy[0]);
  const list = scan.results.map((result, index) => [String(index + 1), ...result]);
  list.push([say('greedy'), ...scan.greedy]);
  while (rows.children.length < list.length) rows.append(makeRow());
  while (rows.children.length > list.length) rows.lastElementChild.remove();
  list.forEach(([name, end, total, tokens, score], index) => {
    const row = rows.children[index];
    row.dataset.end = end;
    row.classList.toggle('ts-winner', index === 0 && scan.finished && scan.results.length > 0);
    row.classList.toggle('ts-greedy-row', index === scan.results.length);
    [name, textOf(end), String(tokens), number(total), score.toFixed(3).replace('-', '−')].forEach((text, at) => {
      row.children[at].textContent = text;
    });
    row.children[1].title = textOf(end);
  });
  find('.ts-beam-note').textContent = noteOn(same);
}

function noteOn(same) {
  if (!scan.finished) return say('The search runs; results are final when it is over.');
  if (scan.width === 1) return say('One beam is greedy decoding.');
  if (same === 0) return say('Greedy decoding finds the best of these by itself.');
  if (same > 0) return say('Greedy decoding’s text is result {place}: result 1 scores higher.', { place: same + 1 });
  const [, , , score] = scan.results[0];
  return score > scan.greedy[3]
    ? say('Greedy decoding’s text is not among the results: the best of them scores higher.')
    : say('Greedy decoding’s text scores as high as the best result or higher, and the search dropped it on the way.');
}

function drawTold() {
  const told = find('.ts-told');
  find('.ts-beams-result').hidden = !scan;
  if (!scan) {
    told.textContent = say('Nothing has been searched yet: press search. It can be cancelled.');
    return;
  }
  const stale = isStale();
  find('.ts-beams-result').classList.toggle('ts-stale', stale);
  const lines = [sayMany(
    '{count} beam, up to {steps} tokens, length penalty {penalty}.', '{count} beams, up to {steps} tokens, length penalty {penalty}.',
    scan.width, { steps: scan.steps, penalty: scan.length_penalty },
  )];
  if (scan.finished && scan.done < scan.steps) {
    lines.push(say('It stopped after {done}, as no beam can become better than the results.', { done: scan.done }));
  }
  if (stale) lines.push(say('This is about an earlier text: search again.'));
  told.textContent = lines.join(' ');
}

function draw() {
  if (!props.value) return;
  if (props.value.scan) {
    scan = props.value.scan;
    arrays = { log_probability: tokenscope.decode(scan.log_probability), total: tokenscope.decode(scan.total) };
    picked = scan.finished && scan.results.length ? scan.results[0][0] : -1;
    meter.value = scan.done / scan.steps;
    drawTree();
    drawRows();
  } else {
    frame = props.value;
    find('.ts-after').textContent = frame.after;
    // A short search is done without being asked for, so that the tab is never empty.
    if (!scan && frame.quick && !tokenscope.isPlaying()) tokenscope.act('scan', question());
  }
  if (!frame) return;
  drawTold();
  if (scan) pick(picked);
}

function question() {
  const [beams, tokens, power] = [width, steps, penalty].map((select) => Number(select.value));
  return { what: 'beams', width: beams, steps: tokens, length_penalty: power };
}

width.replaceChildren(...Array.from({ length: WIDEST }, (_, index) => new Option(index + 1, index + 1, false, index === 3)));
steps.replaceChildren(...Array.from({ length: LONGEST }, (_, index) => new Option(index + 1, index + 1, false, index === 5)));
tokenscope.longRun(element, { start: begin, question });
find('.ts-show-dropped').addEventListener('change', () => { if (scan) drawTree(); });
rows.addEventListener('click', (event) => {
  const row = event.target.closest('button');
  if (row) tree.choose(Number(row.dataset.end));
});
find('.ts-write').addEventListener('click', () => {
  way(picked).forEach((node, index) => tokenscope.act('take', { position: frame.position + index, token: scan.ids[node] }));
});
watch('value', draw);
draw();
