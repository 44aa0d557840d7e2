// The scan: every head is switched off in turn, and the change of one token's probability is shown as it comes.
const { tokenscope } = window;
const { say } = tokenscope;
const target = element.querySelector('.ts-target');
const by = element.querySelector('.ts-by');
const rows = element.querySelector('.ts-head-rows');
const told = element.querySelector('.ts-told');
const LEAST = 0.005; // a scale for smaller changes would make noise look like effects
const WAYS = { zero: tokenscope.later('zero'), mean: tokenscope.later('mean') };
let facts = null;
let scan = null;
let arrays = null;

const at = (layer, head) => layer * scan.heads + head;
const points = (share) => `${share < 0 ? '−' : '+'}${(Math.abs(share) * 100).toFixed(2)}`;
const largest = () => Math.max(LEAST, ...arrays.change.filter(Number.isFinite).map(Math.abs));

const grid = tokenscope.headGrid(element.querySelector('.ts-head-canvas'), {
  paint(context, layer, head, x, y, size) {
    const change = arrays.change[at(layer, head)];
    const { diverging, variables } = tokenscope.colours;
    const theme = tokenscope.theme();
    context.fillStyle = Number.isNaN(change) ? variables[theme].masked : tokenscope.mix(diverging[theme], 0.5 + change / largest() / 2);
    context.fillRect(x, y, size, size);
  },
  describe(layer, head) {
    const change = arrays.change[at(layer, head)];
    if (Number.isNaN(change)) return [say('not yet known')];
    return [
      say('{change} points for “{token}”', { change: points(change), token: scan.label }),
      say('from {before} to {after}', {
        before: tokenscope.percent(scan.probability), after: tokenscope.percent(scan.probability + change),
      }),
      say('log-probability {value} nats', { value: arrays.log[at(layer, head)].toFixed(4) }),
    ];
  },
  limits: { largest: 44, smallest: 9, height: 460 },
});

function drawTargets() {
  const kept = target.value;
  target.replaceChildren(...facts.targets.map(([id, label, raw]) => new Option(`${label}  ${tokenscope.percent(raw)}`, id)));
  if ([...target.options].some((option) => option.value === kept) && facts.moment === scan?.moment) target.value = kept;
}

function drawScale() {
  if (!scan) return;
  const scale = element.querySelector('.ts-scale');
  scale.querySelector('.ts-ramp').style.backgroundImage = tokenscope.gradient('diverging');
  scale.querySelector('.ts-low').textContent = say('without it: −{change} points', { change: (largest() * 100).toFixed(2) });
  scale.querySelector('.ts-high').textContent = `+${(largest() * 100).toFixed(2)}`;
}

function drawScan() {
  element.querySelector('.ts-two').hidden = !scan;
  if (!scan) {
    told.textContent = say('No scan yet. It runs the model once for each head, and can be cancelled.');
    return;
  }
  const way = say(WAYS[scan.by]);
  const stale = facts && facts.moment !== scan.moment ? say('This is about an earlier text or other heads: scan again.') : '';
  const found = say('“{token}” has {probability} with every other head on; heads off by {way}.', {
    token: scan.label, probability: tokenscope.percent(scan.probability), way,
  });
  told.textContent = `${found} ${stale}`.trim();
  element.querySelector('.ts-two').classList.toggle('ts-stale', Boolean(stale));
  const groups = tokenscope.decode(scan.groups);
  const most = largest();
  rows.replaceChildren(...scan.order.map(([layer, head]) => {
    const change = arrays.change[at(layer, head)];
    const off = scan.ablated.some(([one, other]) => one === layer && other === head);
    const group = scan.shared ? say('kv {group}', { group: groups[at(layer, head)] }) : '';
    return tokenscope.headRow({ layer, head, group, off, share: change / most, number: points(change) });
  }));
  element.querySelector('.ts-meter').value = scan.done / scan.total;
  element.querySelector('.ts-done').textContent = say('{done} of {total}', { done: scan.done, total: scan.total });
  drawScale();
  grid.draw(scan);
}

function draw() {
  if (!props.value) return;
  if (props.value.scan) {
    scan = props.value.scan;
    arrays = { change: tokenscope.decode(scan.change), log: tokenscope.decode(scan.log_change) };
  }
  if (props.value.targets) {
    facts = props.value;
    drawTargets();
  }
  drawScan();
}

tokenscope.longRun(element, {
  start: element.querySelector('.ts-start'),
  question() {
    const chosen = target.value === '' ? null : Number(target.value); // by default the model's first choice
    return { what: 'ablation', target: chosen, by: by.value };
  },
});
by.addEventListener('change', () => { tokenscope.offBy = by.value; });
rows.addEventListener('click', (event) => {
  const button = event.target.closest('button');
  if (button) tokenscope.act('open_head', { layer: Number(button.dataset.layer), head: Number(button.dataset.head) });
});
tokenscope.onTheme(drawScale);
watch('value', draw);
draw();
