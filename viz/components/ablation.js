// The scan: every head is switched off in turn, and the change of one token's probability is shown as it comes.
const { tokenscope } = window;
const target = element.querySelector('.ts-target');
const by = element.querySelector('.ts-by');
const rows = element.querySelector('.ts-head-rows');
const told = element.querySelector('.ts-told');
const LEAST = 0.005; // a scale for smaller changes would make noise look like effects
let facts = null;
let scan = null;
let arrays = null;

const at = (layer, head) => layer * scan.heads + head;
const signed = (share) => `${share < 0 ? '−' : '+'}${(Math.abs(share) * 100).toFixed(2)} points`;
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
    if (Number.isNaN(change)) return ['not yet known'];
    return [
      `${signed(change)} for “${scan.label}”`,
      `from ${tokenscope.percent(scan.probability)} to ${tokenscope.percent(scan.probability + change)}`,
      `log-probability ${arrays.log[at(layer, head)].toFixed(4)} nats`,
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
  scale.querySelector('.ts-low').textContent = `without it: −${(largest() * 100).toFixed(2)} points`;
  scale.querySelector('.ts-high').textContent = `+${(largest() * 100).toFixed(2)}`;
}

function drawScan() {
  element.querySelector('.ts-two').hidden = !scan;
  if (!scan) {
    told.textContent = 'No scan yet. It runs the model once for each head, and can be cancelled.';
    return;
  }
  const stale = facts && facts.moment !== scan.moment ? ' This is about an earlier text or other heads: scan again.' : '';
  told.textContent = `“${scan.label}” has ${tokenscope.percent(scan.probability)} with every other head on; heads off by ${scan.by}.${stale}`;
  element.querySelector('.ts-two').classList.toggle('ts-stale', Boolean(stale));
  const groups = tokenscope.decode(scan.groups);
  const most = largest();
  rows.replaceChildren(...scan.order.map(([layer, head]) => {
    const change = arrays.change[at(layer, head)];
    const off = scan.ablated.some(([one, other]) => one === layer && other === head);
    const group = scan.shared ? `kv ${groups[at(layer, head)]}` : '';
    return tokenscope.headRow({ layer, head, group, off, share: change / most, number: signed(change).replace(' points', '') });
  }));
  element.querySelector('.ts-meter').value = scan.done / scan.total;
  element.querySelector('.ts-done').textContent = `${scan.done} of ${scan.total}`;
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
  ask() {
    const chosen = target.value === '' ? null : Number(target.value); // by default the model's first choice
    tokenscope.act('scan', { what: 'ablation', target: chosen, by: by.value });
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
