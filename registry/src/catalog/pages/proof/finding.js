// What a check comes to: returned where it goes on to say something good, thrown where nothing can follow from it.

export class Finding {
  constructor(state, why, more = {}) {
    Object.assign(this, { state, why, ...more });
  }
}

export const proved = (why) => new Finding("proved", why);

// Nothing to prove, and something to know.
export const noted = (why) => new Finding("noted", why);

// Neither proved nor refuted: this browser cannot decide it. `remedy` is what the visitor may do: { label, act }.
export const open = (why, remedy) => new Finding("open", why, { remedy });

// What was to be proved is not so, by its name. `evidence` shows it to others: texts, as they were signed.
export const refuted = (name, why, evidence = []) => new Finding("refuted", why, { name, evidence });
