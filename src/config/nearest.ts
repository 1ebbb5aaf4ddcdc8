/** Insertions, deletions and substitutions that turn one text into the other. */
const distance = (a: string, b: string): number => {
  const letters = Array.from(b)
  let row = [...letters.keys(), letters.length]
  for (const [i, char] of Array.from(a).entries()) {
    const next = [i + 1]
    for (const [j, other] of letters.entries()) {
      next.push(Math.min((row[j] ?? 0) + (char === other ? 0 : 1), (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1))
    }
    row = next
  }
  return row[letters.length] ?? 0
}

/** The known word that was probably meant: the closest, if at most a third of its letters differ. */
export const nearest = (word: string, known: ReadonlyArray<string>): string | undefined => {
  let best: string | undefined
  let least = Infinity
  for (const candidate of known) {
    const apart = distance(word.toLowerCase(), candidate)
    if (apart < least && apart <= Math.max(1, candidate.length / 3)) [best, least] = [candidate, apart]
  }
  return best
}
