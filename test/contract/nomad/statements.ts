const range = (from: number, to: number): ReadonlyArray<number> =>
  Array.from({ length: to - from + 1 }, (_, at) => from + at)

/** The numbers of the statements of the recorded facts of Nomad's API, §11.3. */
export const statements: ReadonlyArray<number> = [...range(1, 60), ...range(101, 112), ...range(201, 213)]

/** What a test's name begins with: the statement's number, and the rule. */
export const statementIn = (name: string): { readonly number: number; readonly rule: string } | undefined => {
  const [, number, rule] = /^statement (\d+): (.*)$/s.exec(name) ?? []
  return number === undefined || rule === undefined ? undefined : { number: Number(number), rule }
}
