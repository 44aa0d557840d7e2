// The page's place among those that wait for the model: asked for once a second while an answer is slow.
const PACE = 1000;
let asked = -PACE;

window.addEventListener('tokenscope-slow', () => {
  if (performance.now() - asked < PACE) return;
  asked = performance.now();
  trigger('ask', {});
});
watch('value', () => {
  if (!props.value) return;
  window.dispatchEvent(new CustomEvent('tokenscope-place', { detail: { before: props.value.before } }));
});
