// The question that several tabs ask: "Explain this token against that one". Every tab shows the same, the view's.
window.tokenscope.questionForm = (() => {
  const { tokenscope } = window;
  const { make, say, later } = tokenscope;
  const [AVERAGE, NOTHING] = [-1, -2]; // what a token is compared with, as the view knows it
  const TYPED = 'typed';
  const ABOUT = {
    [AVERAGE]: later('Against the average token: what every token of the vocabulary gets alike says nothing about the choice, so the mean logit is taken off.'),
    [NOTHING]: later('Against nothing: the raw logit. Much of it every token gets alike.'),
    other: later('Against another token: the difference of the two logits, so what both get alike cancels.'),
  };

  // A select of tokens whose last entry opens a text box for any other. choose(value) gets an entry, ask(text) a text.
  function picker({ label, choose, ask }) {
    const select = make('select', 'ts-question-token');
    select.setAttribute('aria-label', label);
    const box = make('input', 'ts-question-box');
    Object.assign(box, { type: 'text', placeholder: say('type a token, Enter'), hidden: true, maxLength: 100 });
    box.setAttribute('aria-label', say('{label}, typed', { label }));
    let shown = '';
    let kept = '';

    function close() {
      box.hidden = true;
      select.value = kept;
    }

    select.addEventListener('change', () => {
      box.hidden = select.value !== TYPED;
      if (box.hidden) choose(select.value);
      else box.focus();
    });
    box.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') {
        close();
        select.focus();
      } else if (event.key === 'Enter' && !event.ctrlKey) ask(box.value);
    });
    return {
      elements: [select, box],
      draw(entries, value) {
        const list = [...entries, [TYPED, say('another token …')]];
        const key = JSON.stringify(list);
        if (key !== shown) select.replaceChildren(...list.map(([entry, text]) => new Option(text, entry)));
        shown = key;
        kept = String(value);
        box.value = '';
        close();
      },
    };
  }

  return function questionForm(host) {
    host.classList.add('ts-question-form');
    const line = make('div', 'ts-question-line', host);
    const wrong = make('p', 'ts-form-error', host);
    wrong.hidden = true;
    const about = make('p', 'ts-question-about', host);
    const send = tokenscope.beside(wrong);

    const target = picker({
      label: say('the token that is explained'),
      choose: (value) => send('target', { token: value === '' ? null : Number(value) }),
      ask: (text) => send('target', { text }),
    });
    const rival = picker({
      label: say('what it is compared with'),
      choose: (value) => send('against', { against: Number(value) }),
      ask: (text) => send('against', { text }),
    });
    tokenscope.weave(line, say('Explain {token} against {other}'), { token: target.elements, other: rival.elements });

    return {
      draw({ choices, others, target: chosen, against, next }) {
        const mark = (id) => (id === next ? [say('✓ taken')] : []);
        const listed = choices.map(([id, label, raw]) => [id, [label, tokenscope.percent(raw), ...mark(id)].join('  ')]);
        const rest = others.map(([id, label]) => [id, [label, ...mark(id)].join('  ')]);
        target.draw([['', say('first choice: {token}', { token: choices[0][1] })], ...listed, ...rest], chosen ?? '');
        rival.draw([[AVERAGE, say('the average token')], [NOTHING, say('nothing')], ...listed, ...rest], against);
        about.textContent = say(ABOUT[against] || ABOUT.other);
      },
    };
  };
})();
