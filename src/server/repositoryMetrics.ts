import { Effect } from "effect"
import type { RepositoryName } from "../domain/RepositoryName.ts"
import { StateStore } from "../store/StateStore.ts"
import { kinds } from "./shown.ts"

const name = "registrywatcher_repositories"
const head = `# HELP ${name} Repositories that stand at this decision, by its reason
# TYPE ${name} gauge
`

/**
 * How many repositories stand at each decision, from the database: every instance has the same, whoever leads. Empty
 * while the database does not answer, for numbers that are no more true would be believed.
 */
export const repositoryMetrics = Effect.fn("repositoryMetrics")(
  function* (repositories: ReadonlyArray<RepositoryName>) {
    const store = yield* StateStore
    const lines = (yield* store.decisionCounts(repositories)).map(
      ({ decision, reason, count }) =>
        `${name}{decision="${kinds[decision]}",reason="${reason ?? ""}"} ${count}\n`
    )
    return head + lines.join("")
  },
  Effect.orElseSucceed(() => "")
)
