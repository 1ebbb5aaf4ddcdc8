import type { PgClient } from "@effect/sql-pg"
import { Effect, Schema } from "effect"
import { AttemptId } from "../domain/Attempt.ts"
import { RepositoryName } from "../domain/RepositoryName.ts"
import { decodeRows, isYes } from "./rows.ts"
import { storeCall } from "./storeCall.ts"
import type { StoreError } from "./StoreError.ts"

const decodeAdopted = decodeRows(
  Schema.Struct({ repository: RepositoryName, markers: Schema.Array(AttemptId) })
)

/** What a person says where this database cannot know: whose a marker is, that an outcome will never be told. */
export interface SpokenForCalls {
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
}

export const spokenFor = (sql: PgClient.PgClient): SpokenForCalls => ({
  adoptMarkers: (repositories, by, from) =>
    storeCall(
      "StateStore.adoptMarkers",
      sql`
        with carried as (
          select distinct o.repository, (task ->> 'marker')::uuid as marker
          from observation o, jsonb_array_elements(o.observed -> 'tasks') task
          where o.repository = any(${repositories}::text[]) and task ->> 'marker' is not null
        ), unknown as (
          select c.repository, c.marker from carried c
          where not exists (select from attempt a where a.id = c.marker)
        ), adopted as (
          insert into adopted_marker (marker, who) select distinct marker, ${by} from unknown
          on conflict do nothing returning marker
        ), told as (
          select u.repository, jsonb_agg(u.marker order by u.marker) as markers
          from unknown u join adopted using (marker) group by u.repository
        ), own as (
          select r.name from repository r join told on told.repository = r.name order by r.name for no key update of r
        ), changed as (
          update repository r set
            baseline_tag = null, baseline_digest = null, baseline_at = null,
            generation = r.generation + 1, updated_by = ${by}, updated_at = now()
          from own where r.name = own.name
          returning r.name, r.generation
        ), audited as (
          insert into audit (who, address, action, repository, after)
          select ${by}, ${from}, 'markers adopted', name,
            jsonb_build_object('markers', told.markers, 'generation', changed.generation)
          from changed join told on told.repository = changed.name
        )
        select to_jsonb(told) as row from told order by repository`.pipe(Effect.flatMap(decodeAdopted))
    ).pipe(Effect.map((adopted) => new Map(adopted.map(({ repository, markers }) => [repository, markers])))),

  abandon: (repository, attempt, by, from) =>
    storeCall(
      "StateStore.abandon",
      sql`
        with changed as (
          update repository r set
            abandoned = a.id, generation = r.generation + 1, updated_by = ${by}, updated_at = now()
          from attempt a
          where r.name = ${repository} and a.id = ${attempt}::uuid and a.repository = r.name
            and a.state in ('submitted', 'unknown') and r.abandoned is distinct from a.id
          returning r.name, r.generation
        ), audited as (
          insert into audit (who, address, action, repository, attempt, after)
          select ${by}, ${from}, 'attempt given up', name, ${attempt}::uuid,
            jsonb_build_object('generation', generation)
          from changed
        )
        select true as yes from attempt a
        where a.id = ${attempt}::uuid and a.repository = ${repository} and a.state in ('submitted', 'unknown')`.pipe(
        Effect.map(isYes)
      )
    )
})
