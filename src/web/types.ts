import type { AttemptAnswer } from "../api/AttemptAnswer.ts"
import type { BrakeAnswer } from "../api/BrakeAnswer.ts"
import type { RepositoryEvent } from "../api/Events.ts"
import type { DesiredAnswer, TagAnswer } from "../api/RepositoryAnswer.ts"

/** The API's answers as they arrive: times are ISO texts. Types only; the browser gets nothing of this file. */
type OnTheWire<A> = A extends string
  ? A
  : A extends Date
    ? string
    : A extends object
      ? { readonly [K in keyof A]: OnTheWire<A[K]> }
      : A

export type RepositoryShown = OnTheWire<RepositoryEvent>
export type DesiredShown = OnTheWire<typeof DesiredAnswer.Type>
export type BrakeShown = OnTheWire<typeof BrakeAnswer.Type>
export type TagShown = OnTheWire<typeof TagAnswer.Type>
export type AttemptShown = OnTheWire<AttemptAnswer>
