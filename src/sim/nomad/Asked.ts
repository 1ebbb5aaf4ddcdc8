import { Effect } from "effect"
import type { Acl } from "./Acl.ts"
import type { ApiRequest } from "./Http.ts"
import { Refusal, refuse } from "./Refusal.ts"
import type { Rights } from "./Rights.ts"

/** A request, and who asks. */
export interface Asked extends ApiRequest {
  /** Fails with 403 where the token is nobody's. */
  readonly who: Effect.Effect<Rights, Refusal>
}

export const permissionDenied = refuse(403, "Permission denied")

export const askedBy = (acl: Acl, request: ApiRequest): Asked => ({
  ...request,
  who: Effect.suspend(() => {
    const rights = acl.who(request.token ?? "")
    return "denied" in rights ? permissionDenied : Effect.succeed(rights)
  })
})

/** Whoever asks must have one of these capabilities in the namespace. */
export const may = (
  { who }: Asked,
  namespace: string,
  ...capabilities: ReadonlyArray<string>
): Effect.Effect<Rights, Refusal> =>
  Effect.flatMap(who, (rights) =>
    rights.allows(namespace, ...capabilities) ? Effect.succeed(rights) : permissionDenied
  )

/** Whoever asks must have a management token. */
export const manage = ({ who }: Asked): Effect.Effect<Rights, Refusal> =>
  Effect.flatMap(who, (rights) => (rights.isManagement ? Effect.succeed(rights) : permissionDenied))

/** Whoever asks must be allowed to read, or write, what belongs to no namespace. */
export const mayAt = (
  { who }: Asked,
  what: "agent" | "node" | "operator",
  level: "read" | "write"
): Effect.Effect<Rights, Refusal> =>
  Effect.flatMap(who, (rights) =>
    rights[what] === "write" || rights[what] === level ? Effect.succeed(rights) : permissionDenied
  )
