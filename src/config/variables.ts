import type { Findings } from "./Findings.ts"
import { topKeys } from "./keys.ts"
import { nearest } from "./nearest.ts"

export type Environment = Readonly<Record<string, string | undefined>>

/** What a variable holds; an empty one counts as not set, as it does for Nomad's clients. */
export const variable = (environment: Environment, name: string): string | undefined =>
  environment[name] || undefined

const prefix = "REGISTRYWATCHER_"
/** Names the configuration's file; `--config` wins over it. */
export const configVariable = `${prefix}CONFIG`

const variablesOf = (key: string): ReadonlyArray<string> =>
  key === "database_url" ? [`${prefix}DATABASE_URL`, "DATABASE_URL"] : [prefix + key.toUpperCase()]

/** The variable that is set in place of a key that stands outside the tables. */
export const override = (environment: Environment) => (key: string) => {
  for (const name of variablesOf(key)) {
    const text = variable(environment, name)
    if (text !== undefined) return { variable: name, text }
  }
  return undefined
}

/** A warning for each variable with our prefix that says nothing to us. It may be somebody else's: no error. */
export const unknownVariables = (environment: Environment, findings: Findings): void => {
  const known = [configVariable, ...Object.keys(topKeys).flatMap(variablesOf)]
  for (const name of Object.keys(environment)) {
    if (!name.startsWith(prefix) || known.includes(name)) continue
    const near = nearest(
      name.toLowerCase(),
      known.map((one) => one.toLowerCase())
    )?.toUpperCase()
    const hint = near === undefined ? "" : `; did you mean ${near}?`
    findings.warning({ source: name, line: null }, "", `no setting of this name${hint}`)
  }
}
