// What the tab "Inside a head" writes out: the titles of its columns, and the sums that can be checked by hand.
window.tokenscope.insideWords = (() => {
  const { later, say } = window.tokenscope;
  const OFF = {
    zero: later('This head is switched off: the model puts zeros in place of this.'),
    mean: later('This head is switched off: the model puts its mean output in place of this.'),
  };

  const number = (value) => (Number.isFinite(value) ? value.toFixed(3).replace('-', '−') : String(value));
  const short = (value) => Number(value.toPrecision(4));

  /** The columns of the scores, as [title, what it is]; `payload` is the head's. */
  function scoreColumns({ scale, softcap, bias }) {
    const list = [
      [say('key'), say('the token that is looked at')], [say('query × key, by dimension'), ''],
      [say('Σ = raw score'), say('the sum of the products')],
      [`× ${short(scale)}`, say('scaled score: keeps scores alike for heads of any width')],
    ];
    if (softcap !== null) list.push([say('softcap {cap}', { cap: short(softcap) }), say('c × tanh(score / c): bounds the score')]);
    if (bias) list.push([say('+ bias'), say('ALiBi: what the distance to the key costs')], [say('= score'), say('what the softmax is taken of')]);
    return [...list, [say('softmax = weight'), say('e to the score, divided by the sum over all visible keys')]];
  }

  /** The columns of the values, as [title, what it is]. */
  const valueColumns = () => [
    [say('key'), ''], [say('weight × value, by dimension'), ''], [say('value'), say('the value vector itself')], [say('weight'), ''],
  ];

  /** The row of one key from its products to its weight; `found`: { token, count, sum, scaled, bias, score, weight, all }. */
  function checkScores(payload, found) {
    const values = {
      ...found, sum: number(found.sum), scale: short(payload.scale), scaled: number(found.scaled), bias: payload.bias ? number(found.bias) : '',
      score: number(found.score), weight: found.weight.toFixed(4), all: found.all.toFixed(4),
    };
    if (payload.softcap !== null) {
      return say('Check, {token}: {count} products add up to {sum}; × {scale} = {scaled} → softcap {score} → softmax {weight}. ' +
        'All weights: {all}.', values);
    }
    if (payload.bias) {
      return say('Check, {token}: {count} products add up to {sum}; × {scale} = {scaled} + bias {bias} = {score} → softmax {weight}. ' +
        'All weights: {all}.', values);
    }
    return say('Check, {token}: {count} products add up to {sum}; × {scale} = {scaled} → softmax {weight}. All weights: {all}.', values);
  }

  /** One dimension of the output beside the sum of the weighted values, and what is not in that sum. */
  function checkValues(payload, { column, sum, output }) {
    const lines = [say('Check, dimension {column}: the weighted values add up to {sum}; the output holds {output}.', {
      column, sum: number(sum), output: number(output),
    })];
    if (payload.sink > 0) lines.push(say("The model's own sink takes {weight} and adds nothing.", { weight: payload.sink.toFixed(4) }));
    if (payload.ablated !== null) lines.push(say(OFF[payload.ablated]));
    return lines.join(' ');
  }

  return { number, scoreColumns, valueColumns, checkScores, checkValues };
})();
