import { Effect } from "effect"
import type { Config } from "../config/Config.ts"
import type { Watched } from "../domain/Watched.ts"
import { Refused } from "./Refused.ts"

const listed = 10

/** Those that are named, all where none is; `Refused`, with what may have been meant, where one is not watched. */
export const namedIn = (
  { file, watched }: Pick<Config, "file" | "watched">,
  named: ReadonlyArray<string>
): Effect.Effect<ReadonlyArray<Watched>, Refused> => {
  const unknown = [...new Set(named)].filter((name) => !watched.some((one) => one.name === name))
  if (unknown.length > 0) {
    const names = unknown.map((name) => JSON.stringify(name)).join(", ")
    const near = watched.filter((one) => unknown.some((name) => isNear(one, name)))
    const hint = near.length > 0 ? `did you mean ${some(near)}?` : `it watches ${some(watched)}`
    return new Refused({ message: `${names}: not in watched_repositories of ${file}; ${hint}` })
  }
  return Effect.succeed(named.length === 0 ? watched : watched.filter(({ name }) => named.includes(name)))
}

/** The job's name, a part of the name, or the name with a letter too few, too many or wrong. */
const isNear = ({ name, mapping: { job } }: Watched, typed: string): boolean => {
  if (typed === "") return false
  const [a, b] = [name.toLowerCase(), typed.toLowerCase()]
  return job.job === typed || a.includes(b) || b.includes(a) || isOneOff(a, b) || isOneOff(b, a)
}

/** True where `short` is `long` without one character, or with another in its place, or with two that changed places. */
const isOneOff = (long: string, short: string): boolean => {
  let at = 0
  while (at < short.length && long[at] === short[at]) at += 1
  const swapped = `${long[at + 1] ?? ""}${long[at] ?? ""}${long.slice(at + 2)}`
  const rest = short.slice(at)
  return long.slice(at + 1) === rest || long.slice(at + 1) === rest.slice(1) || swapped === rest
}

const some = (watched: ReadonlyArray<Watched>): string => {
  const names = watched.slice(0, listed).map(({ name }) => name)
  const more = watched.length - names.length
  return more === 0 ? names.join(", ") : `${names.join(", ")} and ${more} more`
}
