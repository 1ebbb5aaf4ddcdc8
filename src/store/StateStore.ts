import { Context, Effect, Layer } from "effect"
import { adopt, type AdoptCalls } from "./adopt.ts"
import { attempts, type AttemptCalls } from "./attempts.ts"
import { brake, type BrakeCalls } from "./brake.ts"
import { changes, type ChangeCalls } from "./changes.ts"
import { Database } from "./Database.ts"
import { desired, type DesiredCalls } from "./desired.ts"
import { history, type HistoryCalls } from "./history.ts"
import { records, type RecordCalls } from "./records.ts"
import { rollouts, type RolloutCalls } from "./rollouts.ts"
import { schema, type SchemaCalls } from "./schema.ts"
import { spokenFor, type SpokenForCalls } from "./spokenFor.ts"
import { statuses, type StatusCalls } from "./statuses.ts"
import { steering, type SteeringCalls } from "./steering.ts"
import { tags, type TagCalls } from "./tags.ts"
import { views, type ViewCalls } from "./views.ts"

/** Desired state, views, attempts and decisions in Postgres. Every call ends within 5 seconds. */
export class StateStore extends Context.Service<
  StateStore,
  AdoptCalls &
    DesiredCalls &
    SpokenForCalls &
    ChangeCalls &
    ViewCalls &
    BrakeCalls &
    TagCalls &
    StatusCalls &
    HistoryCalls &
    AttemptCalls &
    RolloutCalls &
    SteeringCalls &
    RecordCalls &
    SchemaCalls
>()("registrywatcher/store/StateStore") {
  /** On a database that is migrated. */
  static readonly layer = Layer.effect(
    StateStore,
    Effect.map(Database, (database) =>
      StateStore.of({
        ...adopt(database.pool),
        ...desired(database.pool),
        ...spokenFor(database.pool),
        ...changes(database),
        ...views(database.pool),
        ...brake(database.pool),
        ...tags(database.pool),
        ...statuses(database.pool),
        ...history(database.pool),
        ...attempts(database.pool),
        ...rollouts(database.pool),
        ...steering(database.pool),
        ...records(database.pool),
        ...schema(database.pool)
      })
    )
  )
}
