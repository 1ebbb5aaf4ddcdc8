import { Context, Effect, Layer } from "effect"
import type { Untold } from "../domain/Notice.ts"
import { Database } from "./Database.ts"
import { outbox } from "./outboxRows.ts"
import type { StoreError } from "./StoreError.ts"

/** What is read of the outbox in one look. */
export interface Backlog {
  /** In the order in which they were written. */
  readonly untold: ReadonlyArray<Untold>
  /** Rows that no trigger of ours can have written; they stand in nobody's way (L11). */
  readonly unreadable: ReadonlyArray<number>
  /** Given up by this look, being older than the newest that are kept. */
  readonly dropped: number
}

/**
 * What is still to be told (L12). Its rows are written by triggers, in the transaction of what they tell of; ids are
 * drawn before commits, so a row may appear below one that was read already, though never of the same repository.
 */
export class Outbox extends Context.Service<
  Outbox,
  {
    /** The newest `keep` of what is unsent; older ones are dropped, and how many is written into the oldest that stays. */
    backlog(keep: number): Effect.Effect<Backlog, StoreError>
    /** The receiver has them. */
    sent(ids: ReadonlyArray<number>): Effect.Effect<void, StoreError>
    /** The receiver refused them: one try more. */
    refused(ids: ReadonlyArray<number>): Effect.Effect<void, StoreError>
    /** Never to be sent. */
    drop(ids: ReadonlyArray<number>): Effect.Effect<void, StoreError>
    /** Nobody is told: everything unsent goes. */
    readonly discard: Effect.Effect<void, StoreError>
    /** What was sent longer than a week ago goes. */
    readonly prune: Effect.Effect<void, StoreError>
  }
>()("registrywatcher/store/Outbox") {
  /** On a database that is migrated. */
  static readonly layer = Layer.effect(Outbox, Effect.map(Database, outbox))
}
