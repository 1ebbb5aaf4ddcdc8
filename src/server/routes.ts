import { Context } from "effect"
import { HttpApi, type HttpApiEndpoint, type HttpApiGroup } from "effect/http-api"
import { Access, Authorization, type Role } from "../api/Authorization.ts"

/** One endpoint of an API definition, and who may call it. */
export interface Route {
  readonly method: string
  /** As in the definition: `/tags/:repository`. */
  readonly path: string
  readonly access: Role | "anyone"
}

export const accessOf = (endpoint: Pick<HttpApiEndpoint.Top, "annotations">): Role | "anyone" | undefined =>
  Context.getOrUndefined(endpoint.annotations, Access)

/**
 * The routes of an API definition. Throws for an endpoint without `Access`, and for one that asks for a role and
 * has nothing that enforces it: a server with such a route cannot start (X8).
 */
export const routesOf = <Id extends string, Groups extends HttpApiGroup.Constraint>(
  api: HttpApi.HttpApi<Id, Groups>
): ReadonlyArray<Route> => {
  const routes: Array<Route> = []
  HttpApi.reflect(api, {
    onGroup: () => {},
    onEndpoint: ({ endpoint, middleware }) => {
      const route = `${endpoint.method} ${endpoint.path}`
      const access = accessOf(endpoint)
      if (access === undefined) throw new Error(`${route} does not say who may call it`)
      const isGuarded = [...middleware].some(({ key }) => key === Authorization.key)
      if (isGuarded === (access === "anyone")) {
        throw new Error(`${route} is for ${access}, and ${isGuarded ? "" : "not "}behind Authorization`)
      }
      routes.push({ method: endpoint.method, path: endpoint.path, access })
    }
  })
  return routes
}

/** Answers which routes a path has, whatever the method. */
export const pathMatcher = (routes: ReadonlyArray<Route>): ((path: string) => ReadonlyArray<Route>) => {
  const patterns = routes.map(
    (route) =>
      [new RegExp(`^${route.path.replaceAll(".", "\\.").replaceAll(/:\w+/g, "[^/]+")}$`), route] as const
  )
  return (path) => patterns.filter(([pattern]) => pattern.test(path)).map(([, route]) => route)
}

/** Methods for `Allow`: HEAD comes with GET. */
export const allowedMethods = (routes: ReadonlyArray<Route>): ReadonlyArray<string> =>
  routes.flatMap(({ method }) => (method === "GET" ? ["GET", "HEAD"] : [method])).toSorted()
