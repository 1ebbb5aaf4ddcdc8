import type { Mutant } from "./Mutant.ts"
import { mutants } from "./mutants.ts"

/** Which mutant this process runs with: its id, as `npm run mutants` sets it. */
export const variable = "REGISTRYWATCHER_MUTANT"

/** The mutant that the environment names, if any; one that is not in the table is an error. */
export const planted = (environment: NodeJS.ProcessEnv): Mutant | undefined => {
  const id = environment[variable]
  if (id === undefined || id === "") return undefined
  const mutant = mutants.find((mutant) => mutant.id === id)
  if (mutant === undefined) throw new Error(`${variable}: there is no mutant ${id}`)
  return mutant
}
