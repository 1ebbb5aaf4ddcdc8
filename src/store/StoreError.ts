import { Schema } from "effect"

/** Connection lost, pool or server limit, shutdown, time-out: the same call may succeed later. */
export class StoreUnavailable extends Schema.TaggedError<StoreUnavailable>()("StoreUnavailable", {
  cause: Schema.Defect()
}) {}
/** A row or an answer that no migration of ours can have left. */
export class StoreCorrupt extends Schema.TaggedError<StoreCorrupt>()("StoreCorrupt", {
  cause: Schema.Defect()
}) {}

/** What every method of the store's services fails with. */
export class StoreError extends Schema.TaggedError<StoreError>()("StoreError", {
  /** The method, such as `StateStore.submit`. */
  call: Schema.String,
  reason: Schema.Union([StoreUnavailable, StoreCorrupt])
}) {
  override readonly cause = this.reason.cause
  override readonly message = `${this.call}: ${this.reason._tag}`

  get isRetryable() {
    return this.reason._tag === "StoreUnavailable"
  }
}
