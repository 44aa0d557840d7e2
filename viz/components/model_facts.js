// The facts of the loaded model, in one line.
const { say } = window.tokenscope;
const facts = element.querySelector('.ts-facts');
const proofs = element.querySelector('.ts-proofs');

function draw() {
  if (!props.value) return;
  facts.textContent = props.value.facts;
  proofs.textContent = props.value.proofs;
  proofs.title = props.value.details;
  proofs.classList.toggle('ts-failed', props.value.failed);
  const chat = document.querySelector('#mode input[value="chat"]');
  if (!chat) return;
  chat.disabled = !props.value.chat;
  chat.closest('label').title = props.value.chat ? '' : say('this model has no chat template');
  chat.closest('label').classList.toggle('ts-disabled', chat.disabled);
}

watch('value', draw);
draw();
