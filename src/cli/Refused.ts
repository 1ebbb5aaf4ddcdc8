import { Runtime, Schema } from "effect"

/** What was asked for cannot be done, in words for the person who asked. */
export class Refused extends Schema.TaggedError<Refused>()("Refused", { message: Schema.String }) {}

/** The end of a command that did not do what was asked. Its words are printed already. */
export class Failed extends Schema.TaggedError<Failed>()("Failed", { exitCode: Schema.Int }) {
  override readonly [Runtime.errorExitCode] = this.exitCode
  override readonly [Runtime.errorReported] = false
}
