import { Effect } from "effect"
import type { Place } from "./ConfigError.ts"
import { type Findings, shown } from "./Findings.ts"
import { readText } from "./readText.ts"

/**
 * The text of a PEM file that holds what it should; undefined, with a problem that names the file,
 * if it cannot be read or holds something else.
 */
export const readPem = Effect.fn("readPem")(function* (
  path: string,
  what: "CERTIFICATE" | "PRIVATE KEY",
  place: Place,
  key: string,
  findings: Findings
) {
  const pem = yield* readText(path).pipe(
    Effect.catch((why) => {
      findings.problem(place, key, "a file that can be read", `${shown(path)}, ${why}`)
      return Effect.undefined
    })
  )
  // Keys have their algorithm before these words, or none.
  if (pem === undefined || new RegExp(`^-----BEGIN (?:[A-Z ]+ )?${what}-----`, "m").test(pem)) return pem
  findings.problem(place, key, `a PEM file with a ${what}`, `${shown(path)} without one`)
  return undefined
})
