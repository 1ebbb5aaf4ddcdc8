/** One challenge of a 401. Scheme and parameter names are in lower case, values as they came. */
export interface Challenge {
  readonly scheme: string
  readonly params: Readonly<Record<string, string>>
}

const token = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y
const token68 = /[A-Za-z0-9\-._~+/]+=*(?=[ \t]*(?:,|$))/y
const quoted = /"((?:[^"\\]|\\.)*)"/y
const blank = /[ \t]*/y
const separators = /[ \t,]*/y

/**
 * Challenges of `WWW-Authenticate`, in one or several header lines (RFC 9110 §11.6.1): after a comma, a name
 * followed by `=` belongs to the challenge before it, one without begins the next. Total: what does not fit
 * the grammar ends the line and what was read before it stands (X23).
 */
export const parseChallenges = (
  header: string | ReadonlyArray<string> | undefined
): ReadonlyArray<Challenge> => {
  const lines = header === undefined ? [] : typeof header === "string" ? [header] : header
  return lines.flatMap(parseLine)
}

const parseLine = (line: string): ReadonlyArray<Challenge> => {
  let at = 0
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at
    const match = pattern.exec(line)
    if (match !== null) at = pattern.lastIndex
    return match
  }
  const challenges: Array<Challenge> = []
  let params: Record<string, string> | undefined
  for (take(separators); at < line.length; take(separators)) {
    const name = take(token)?.[0].toLowerCase()
    if (name === undefined) break
    const afterName = at
    take(blank)
    if (line[at] === "=" && params !== undefined) {
      at++
      take(blank)
      const value = take(quoted)?.[1]?.replaceAll(/\\(.)/g, "$1") ?? take(token)?.[0]
      if (value === undefined) break
      // The first of a name counts; a second one is an attempt at confusion.
      if (!Object.hasOwn(params, name)) params[name] = value
    } else {
      params = Object.create(null) as Record<string, string>
      challenges.push({ scheme: name, params })
      // A single blob in place of parameters, as Negotiate has it; nothing that we speak does.
      if (at > afterName) take(token68)
    }
  }
  return challenges
}
