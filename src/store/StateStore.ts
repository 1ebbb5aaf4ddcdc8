import { Context, type Duration, Effect, Layer, type Stream } from "effect"
import type {
  Attempt,
  AttemptId,
  AttemptReason,
  AttemptState,
  Phase,
  RolloutOrder
} from "../domain/Attempt.ts"
import type { Blame } from "../domain/Blame.ts"
import type { Canaries } from "../domain/Canaries.ts"
import type { BrakeState, Move } from "../domain/BrakeState.ts"
import type { AuditEntry } from "../domain/AuditEntry.ts"
import type { Decided } from "../domain/Decided.ts"
import type { Decision } from "../domain/Decision.ts"
import type { Desired, Hold, PinnedTag } from "../domain/Desired.ts"
import type { Digest } from "../domain/Digest.ts"
import type { History } from "../domain/History.ts"
import type { JobRef } from "../domain/JobRef.ts"
import type { Observed } from "../domain/Observed.ts"
import type { RepositoryName } from "../domain/RepositoryName.ts"
import type { RequestKind } from "../domain/RequestKind.ts"
import type { Tag } from "../domain/Tag.ts"
import type { Target } from "../domain/Target.ts"
import type { Doubt, Suspicion, TagRow, View } from "../domain/View.ts"
import type { Watched } from "../domain/Watched.ts"
import { attempts } from "./attempts.ts"
import { brake } from "./brake.ts"
import { changes, checkNow } from "./changes.ts"
import { Database } from "./Database.ts"
import { desired } from "./desired.ts"
import { history } from "./history.ts"
import type { Fence } from "./Leader.ts"
import { records } from "./records.ts"
import { rollouts } from "./rollouts.ts"
import { schema } from "./schema.ts"
import { spokenFor } from "./spokenFor.ts"
import type { StaleGeneration } from "./StaleGeneration.ts"
import { statuses } from "./statuses.ts"
import { steering } from "./steering.ts"
import type { StoreError } from "./StoreError.ts"
import { tags } from "./tags.ts"
import { views } from "./views.ts"

/** A person's change of desired state; a key that is left out stays as it is. */
export interface DesiredChange {
  readonly repository: RepositoryName
  readonly pinnedTag?: PinnedTag
  readonly autoDeploy?: boolean
  /** Null lifts it. */
  readonly hold?: Hold | null
  /** Opens a request of this kind, replacing an open one wholly; left out beside a `pinnedTag`, an open one is dropped. */
  readonly request?: RequestKind
  /** What the request names: always for a rollback, with its digest; for a redeploy the tag. */
  readonly requestTag?: Tag
  /**
   * Of a redeploy or a pin: the digest that the tag had when it was asked for, null where nobody could tell. An attempt
   * at both that was open by then answers the request.
   */
  readonly requestDigest?: Digest | null
  /** Lifts the quarantine of this digest (a pin or a redeploy that names the tag). */
  readonly lift?: Digest
  /** The generation that was shown to the person (If-Match); of another one nothing is changed. */
  readonly expected?: number
  /** The suspect listing since then, of which the person was told, is accepted: a reset goes by it (S9). */
  readonly trust?: Date
  /** Principal for the audit, `anonymous` where no tokens exist; with the peer's address. */
  readonly by: string
  readonly from: string
}

/**
 * A repository whose desired state changed, or whose registry is to be asked now; `null` after a reconnect: any may
 * have.
 */
export type Told = RepositoryName | { readonly check: RepositoryName } | null

/** What an attempt is made of before its row exists. */
export interface Intent {
  readonly id: AttemptId
  readonly repository: RepositoryName
  readonly job: JobRef
  readonly generation: number
  readonly reason: AttemptReason
  /** Of the request that it answers, where `reason` is `requested`. */
  readonly request: { readonly kind: RequestKind; readonly by: string } | null
  readonly from: { readonly tag: Tag | null; readonly digest: Digest | null }
  readonly to: Target
  readonly imageSent: string
  readonly jobHash: string
  /** Of the config entry: what Nomad refused is tried again under another one (rule 16). */
  readonly fingerprint: string
  readonly baseIndex: number
  readonly baseVersion: number
}

/** What the job was seen to run, and is accounted to run from now on. */
export interface SeenBaseline {
  /** Of several tasks that differ the highest one's. */
  readonly tag: Tag | null
  readonly digest: Digest | null
  /** Every mapped task runs it, as far as is known: each is held against it from now on. */
  readonly ofAll: boolean
}

/** How a rollout ended, and what follows from it in the same transaction. */
export interface Ending {
  readonly attempt: AttemptId
  readonly outcome: "succeeded" | "failed" | "reverted" | "superseded"
  readonly words: string
  readonly nomadVersion: number | null
  readonly deploymentId: string | null
  /**
   * Whose fault, where it `failed` or was `reverted` (S11). `image` quarantines the digest until another one or a
   * person; `surroundings` and `unknown` for 15 minutes, doubled each time, three times; `others` not at all if a
   * repository beside it was to blame, else as `unknown`.
   */
  readonly blame: Blame | null
  /** `superseded` by Nomad's own rollback (T16): the request that the attempt answered opens again. */
  readonly swallowed: boolean
  /** The job's image is now this one, by Nomad's own rollback; left alone where a later attempt of ours holds. */
  readonly baseline: SeenBaseline | null
  /** Raises the high-water mark to the attempt's tag if it still is `over`: a pin or a request may have set it since. */
  readonly raise: { readonly over: Tag | null } | null
}

/** What is known of a listing besides its tags. */
export interface SavedListing {
  /** Null where it is not suspect. */
  readonly doubt: Doubt | null
  /** Why a suspect one is to be believed all the same (S9): equal for a day, or accepted by a person or a reset. */
  readonly believed: "a_day_old" | "accepted" | "reset" | null
}

/** What the leader decided last of a repository, as far as that says what it would decide now. */
export interface LastDecided {
  readonly decision: Decision
  readonly isPinned: boolean
  readonly isRecent: boolean
}

/** What is known of an automatic move. */
export interface MoveWeight {
  /** The target was not in the first view under the present row, mapping and policy: a push brought it. */
  readonly isExplained: boolean
  /** A release let this very move go, and it did not go yet. */
  readonly isReleased: boolean
  /** The brake is on. */
  readonly isStopped: boolean
}

/** So many repositories stand at a decision of this kind and reason. */
export interface DecisionCount {
  readonly decision: Decision["_tag"]
  readonly reason: string | null
  readonly count: number
}

/** A repository's rows for people: what the API and the page show. */
export interface RepositoryStatus {
  readonly desired: Desired
  readonly observed: Observed | null
  readonly observedAt: Date | null
  readonly decision: Decision | null
  readonly decidedAt: Date | null
  readonly checkedAt: Date | null
  /** When this was read, by Postgres's clock. */
  readonly readAt: Date
}

/** Desired state, views, attempts and decisions in Postgres. Every call ends within 5 seconds. */
export class StateStore extends Context.Service<
  StateStore,
  {
    /** Makes the missing rows, the predecessor's taken over; opens no request. */
    adopt(watched: ReadonlyArray<Watched>): Effect.Effect<void, StoreError>
    desired(repository: RepositoryName): Effect.Effect<Desired, StoreError>
    /** Every repository's generation, by one cheap statement: whose desired state changed. */
    readonly generations: Effect.Effect<ReadonlyMap<RepositoryName, number>, StoreError>
    /** Commits, keeps the predecessor's table in step, audits, and notifies the leader; answers the new row. */
    change(change: DesiredChange): Effect.Effect<Desired, StoreError | StaleGeneration>
    /** Drops a hold that is over, if the generation still is the one that it was seen in; raises none. */
    endHold(fence: Fence, repository: RepositoryName, generation: number): Effect.Effect<boolean, StoreError>
    /**
     * Speaks for the markers that the jobs of these carried when last observed and that this database does not know; their
     * jobs are then seen for the first time (S20). Answers what was adopted; of the others nothing changed.
     */
    adoptMarkers(
      repositories: ReadonlyArray<RepositoryName>,
      by: string,
      from: string
    ): Effect.Effect<ReadonlyMap<RepositoryName, ReadonlyArray<AttemptId>>, StoreError>
    /** Gives up an attempt whose outcome is unknown: the leader ends it as `lost`. False: it is not open, or not sent. */
    abandon(
      repository: RepositoryName,
      attempt: AttemptId,
      by: string,
      from: string
    ): Effect.Effect<boolean, StoreError>
    /** Has the leader ask the registry at once; writes nothing, and many are one question. */
    checkNow(repository: RepositoryName): Effect.Effect<void, StoreError>
    /** Closes the request of `generation` without an attempt, if it is still the open one. */
    closeRequest(
      fence: Fence,
      repository: RepositoryName,
      generation: number
    ): Effect.Effect<void, StoreError>
    /** First sight, or a new baseline of the same tag (S20); `baseline_at` moves even where the image stays. */
    setBaseline(
      fence: Fence,
      repository: RepositoryName,
      seen: SeenBaseline & { readonly raiseTo: Tag | null }
    ): Effect.Effect<void, StoreError>
    /** What was told on whichever instance. */
    readonly changes: Stream.Stream<Told>

    view(repository: RepositoryName): Effect.Effect<View | null, StoreError>
    /** The views of these, 100 in a statement, each of which ends within 5 seconds; without view, without entry. */
    views(
      repositories: ReadonlyArray<RepositoryName>
    ): Effect.Effect<ReadonlyMap<RepositoryName, View>, StoreError>
    /**
     * A complete listing, as the registry gave it. Tags that left it are kept with `gone_at`, a suspect one only adds
     * (S9); nothing is written where nothing changed. A first listing of more than 10,000 tags takes longer than 5
     * seconds if it must. `running`: the tags that the job has, of which the facts of a suspect one name the lost.
     */
    saveListing(
      repository: RepositoryName,
      listing: {
        readonly tags: ReadonlyArray<Tag>
        readonly suspect: Suspicion | null
        readonly fingerprint: string
        readonly running?: ReadonlyArray<Tag>
      }
    ): Effect.Effect<SavedListing, StoreError>
    /**
     * A tag's digest, or null: the registry has no such tag. `pinnedUnder`, the entry's fingerprint: the look is all that
     * the pin needs, and with a new one, or after an edit, the repository's first view (S17).
     */
    saveDigest(
      repository: RepositoryName,
      tag: Tag,
      digest: Digest | null,
      pinnedUnder?: string
    ): Effect.Effect<void, StoreError>
    /**
     * A person takes the present suspect listing for good: the next one that equals it becomes the last good view.
     * Raises the generation, so that it is asked for at once; null where no view is suspect.
     */
    acceptView(acceptance: {
      readonly repository: RepositoryName
      readonly by: string
      readonly from: string
    }): Effect.Effect<Doubt | null, StoreError>

    /** The standing brake, else the last one that was; null before the first. */
    readonly brake: Effect.Effect<BrakeState | null, StoreError>
    /** What is to be known of an automatic move before it may go (S17). `isNews`: its push was seen, and not written down. */
    weighMove(
      move: Move,
      entry: { readonly fingerprint: string; readonly isPinned: boolean; readonly isNews?: boolean }
    ): Effect.Effect<MoveWeight, StoreError>
    /**
     * How these were decided last, in one statement: but for those that nobody decided yet, or that no good view was
     * taken of under this fingerprint where there is one of another. `isRecent`: their registry answered `within`.
     */
    lastDecided(
      entries: ReadonlyArray<{ readonly name: RepositoryName; readonly fingerprint: string }>,
      within: Duration.Duration
    ): Effect.Effect<ReadonlyMap<RepositoryName, LastDecided>, StoreError>
    /** Puts the brake on, or adds to the standing one; true where it was not on. */
    pullBrake(fence: Fence, moves: ReadonlyArray<Move>): Effect.Effect<boolean, StoreError>
    /**
     * Releases the brake of this `id` and answers the moves that it lets go: all that it stopped, or those of
     * `repositories` alone; the others are counted anew. Notifies the leader of each. Null: this brake does not stand.
     */
    releaseBrake(release: {
      readonly brake: number
      readonly repositories?: ReadonlyArray<RepositoryName>
      readonly by: string
      readonly from: string
    }): Effect.Effect<ReadonlyArray<Move> | null, StoreError>
    /** The tags that are there, the newest first: as first seen, and of one listing the highest version. */
    tags(repository: RepositoryName, limit: number): Effect.Effect<ReadonlyArray<TagRow>, StoreError>
    /** `checked_at` of all of these, in one statement. */
    touch(repositories: ReadonlyArray<RepositoryName>): Effect.Effect<void, StoreError>

    saveObservation(repository: RepositoryName, observed: Observed): Effect.Effect<void, StoreError>
    /** True if it differs from the last one, which is then kept as history. */
    saveDecision(repository: RepositoryName, decision: Decision): Effect.Effect<boolean, StoreError>
    statuses(
      repositories: ReadonlyArray<RepositoryName>
    ): Effect.Effect<ReadonlyArray<RepositoryStatus>, StoreError>
    /**
     * A short text for each, another one whenever its desired state, view, observation or decision was written, or the
     * registry's last answer came to be older than `staleAfter`, or anew: for whoever asks again and again what changed.
     */
    revisions(
      repositories: ReadonlyArray<RepositoryName>,
      staleAfter: Duration.Duration
    ): Effect.Effect<ReadonlyMap<RepositoryName, string>, StoreError>
    /** How many of these stand at each decision, by its kind and reason; those without one are not counted. */
    decisionCounts(
      repositories: ReadonlyArray<RepositoryName>
    ): Effect.Effect<ReadonlyArray<DecisionCount>, StoreError>

    /**
     * Both of one moment: of a rollout that ends in between, one would have the baseline from before, and the other no
     * rollout that explains what runs (S12).
     */
    remembered(
      repository: RepositoryName,
      job: JobRef,
      markers: ReadonlyArray<AttemptId>
    ): Effect.Effect<{ readonly desired: Desired; readonly history: History }, StoreError>
    /** What electing needs of the histories of these, likewise in a fixed number of statements; an entry for each. */
    elections(
      repositories: ReadonlyArray<RepositoryName>
    ): Effect.Effect<ReadonlyMap<RepositoryName, Pick<History, "ran" | "quarantine">>, StoreError>
    /**
     * Somebody else set the job's images to these (S12). False where that was counted already: the last write that was
     * counted left the same ones, and the baseline is older.
     */
    countForeignWrite(
      repository: RepositoryName,
      job: JobRef,
      images: string,
      words: string
    ): Effect.Effect<boolean, StoreError>

    /** The row before the effect (S7). False: the fence is gone, or the job has an open attempt (S1). */
    intend(fence: Fence, intent: Intent): Effect.Effect<boolean, StoreError>
    /** `intended → submitted`, only with this fence, the attempt's generation and its permission still standing (S15). */
    submit(fence: Fence, attempt: AttemptId): Effect.Effect<boolean, StoreError>
    /**
     * Open `→ accepted`: closes the attempt's request, sets the baseline to its target and, where it was requested,
     * the high-water mark.
     */
    accept(
      fence: Fence,
      attempt: AttemptId,
      nomad: {
        readonly nomadIndex: number
        readonly nomadVersion: number | null
        readonly evalId: string | null
      }
    ): Effect.Effect<boolean, StoreError>
    /** Any other edge from an open state (`design.md` §6); `rejected` closes the request. */
    move(
      fence: Fence,
      attempt: AttemptId,
      to: Extract<AttemptState, "intended" | "unknown" | "conflict" | "rejected" | "lost" | "aborted">,
      words: string
    ): Effect.Effect<boolean, StoreError>
    /** Milliseconds since `submitted_at`, by Postgres's clock. */
    age(attempt: AttemptId): Effect.Effect<number, StoreError>
    /** Aborts every `intended` attempt of another holder; answers the open and the rolling attempts that are left. */
    takeOver(fence: Fence): Effect.Effect<ReadonlyArray<Attempt>, StoreError>
    setPhase(
      fence: Fence,
      attempt: AttemptId,
      rollout: {
        readonly phase: Phase
        readonly words: string
        readonly nomadVersion: number | null
        readonly deploymentId: string | null
      }
    ): Effect.Effect<boolean, StoreError>
    /**
     * A person's word on a rollout that goes on: commits, audits and notifies the leader. Failing it quarantines its
     * digest at once. `ordered` false: it can not be, as things stand, and nothing was changed.
     */
    orderRollout(order: {
      readonly repository: RepositoryName
      readonly attempt: AttemptId
      readonly order: RolloutOrder
      readonly why?: string
      readonly expected?: number
      readonly by: string
      readonly from: string
    }): Effect.Effect<{ readonly desired: Desired; readonly ordered: boolean }, StoreError | StaleGeneration>
    /**
     * What was read of an attempt's canaries (null: they do not wait for promotion); the time of their soak goes on
     * while they are the same. Answers the row as it is then; null: the fence is gone.
     */
    saveCanaries(
      fence: Fence,
      attempt: AttemptId,
      canaries: Canaries | null
    ): Effect.Effect<Attempt | null, StoreError>
    /**
     * Before a promotion or a failing is sent (S7): only with this fence, the very deployment, the generation that it
     * was decided on, and nothing under way since less than `life`. `isOrdered`: by a person, whose order still stands.
     */
    sendOrder(
      fence: Fence,
      send: {
        readonly attempt: AttemptId
        readonly order: RolloutOrder
        readonly deployment: string
        readonly isOrdered: boolean
        readonly generation: number
        readonly life: Duration.Duration
      }
    ): Effect.Effect<boolean, StoreError>
    /** What Nomad's answer to it proves, in the audit where that is not what it said before; refused, the order stands no more, is kept with its words for
     * people, and canaries begin their soak anew.
     */
    orderAnswered(
      fence: Fence,
      answered: {
        readonly attempt: AttemptId
        readonly order: RolloutOrder
        readonly deployment: string
        readonly answer: "Done" | "Refused" | "NotApplied"
        readonly words: string
      }
    ): Effect.Effect<boolean, StoreError>
    /**
     * The outcome of an accepted attempt, and all that follows from it: baseline, high-water mark, quarantine (lifted
     * where it succeeded), and its request, which opens again where a rollback undid it for no fault of its own.
     */
    end(fence: Fence, ending: Ending): Effect.Effect<boolean, StoreError>
    /** Newest first; `before`: only those that came before this one. */
    attempts(
      repository: RepositoryName,
      limit: number,
      before?: AttemptId | null
    ): Effect.Effect<ReadonlyArray<Attempt>, StoreError>
    attempt(id: AttemptId): Effect.Effect<Attempt | null, StoreError>
    /** The present decision and those before it, newest first. */
    decisions(repository: RepositoryName, limit: number): Effect.Effect<ReadonlyArray<Decided>, StoreError>
    /** Of one repository, or of all; newest first. */
    audit(
      repository: RepositoryName | null,
      limit: number
    ): Effect.Effect<ReadonlyArray<AuditEntry>, StoreError>
    /** The newest migration that is applied, by one cheap statement: the database answers. */
    readonly schema: Effect.Effect<{ readonly id: number; readonly name: string }, StoreError>
  }
>()("registrywatcher/store/StateStore") {
  /** On a database that is migrated. */
  static readonly layer = Layer.effect(
    StateStore,
    Effect.map(Database, (database) =>
      StateStore.of({
        ...desired(database.pool),
        ...views(database.pool),
        ...brake(database.pool),
        ...tags(database.pool),
        ...statuses(database.pool),
        ...history(database.pool),
        ...attempts(database.pool),
        ...rollouts(database.pool),
        ...steering(database.pool),
        ...records(database.pool),
        ...spokenFor(database.pool),
        ...schema(database.pool),
        checkNow: checkNow(database.pool),
        changes: changes(database)
      })
    )
  )
}
