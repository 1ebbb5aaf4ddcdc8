import { Data, Effect } from "effect"

/** An answer of Nomad other than 200: its body is these words, as plain text (`nomad-api.md` §1.4). */
export class Refusal extends Data.TaggedError("Refusal")<{
  readonly status: number
  readonly words: string
}> {}

export const refuse = (status: number, words: string): Effect.Effect<never, Refusal> =>
  Effect.fail(new Refusal({ status, words }))

/** Several errors as Go's multierror prints them. */
export const multiError = (errors: ReadonlyArray<string>): string =>
  errors.length === 1
    ? `1 error occurred:\n\t* ${errors[0]}\n\n`
    : `${errors.length} errors occurred:\n\t${errors.map((each) => `* ${each}`).join("\n\t")}\n\n`
