import { until } from "../until.ts"
import type { Stage } from "./Stage.ts"
import { Sql } from "./Sql.ts"

/** A moment in the life of an attempt. `arm` answers once the hit is prepared; the promise within it once it was done. */
export interface KillPoint {
  readonly name: string
  /** What whoever goes on must find of the attempt, in Nomad; nothing where it need not ask. */
  readonly settledAs?: "Absent" | "Accepted"
  readonly arm: (stage: Stage, kill: () => Promise<void>) => Promise<{ readonly struck: Promise<void> }>
}

const lock = 4_711
const blockSubmit = `
create function wait_for_the_test() returns trigger language plpgsql as $$
  begin perform pg_advisory_xact_lock(${lock}); return new; end $$;
create trigger wait_for_the_test before update of state on attempt for each row
  when (old.state = 'intended' and new.state = 'submitted') execute function wait_for_the_test()`
const waiting = `select pid from pg_locks where locktype = 'advisory' and objid = ${lock} and not granted
  and database = (select oid from pg_database where datname = current_database())`
const newest = "select state from attempt order by seq desc limit 1"

const atProxy =
  (kind: "before" | "after" | "answered", first: (stage: Stage) => Promise<void> = () => Promise.resolve()) =>
  async (stage: Stage, kill: () => Promise<void>) => {
    const struck = Promise.withResolvers<void>()
    const strike = () =>
      first(stage)
        .then(kill)
        .then(() => struck.resolve(), struck.reject)
    stage.world.proxy.ambush(stage.world.name, { kind, strike })
    return Promise.resolve({ struck: struck.promise })
  }

/** Every one from outside: the product has no hook for it. */
export const killPoints: ReadonlyArray<KillPoint> = [
  {
    // The statement that submits waits for a lock of ours, by a trigger that only this database has.
    name: "before submitted",
    arm: async (stage, kill) => {
      const holder = new Sql(stage.world.database)
      await holder.query(`select pg_advisory_lock(${lock})`)
      await stage.sql.query(blockSubmit)
      const strike = async () => {
        await until("an attempt to be submitted", async () => (await stage.sql.query(waiting)) !== "", 40)
        await kill()
        // Its server process would go on where the dead client's left off, as soon as it gets the lock.
        await stage.sql.query(`select pg_terminate_backend(pid) from (${waiting}) w`)
        holder.end()
      }
      return { struck: strike() }
    }
  },
  // The proxy takes the connection and the bytes, and Nomad never sees them.
  { name: "before the bytes leave", settledAs: "Absent", arm: atProxy("before") },
  // Nomad's answer is in the proxy, and goes nowhere.
  { name: "before we know", settledAs: "Accepted", arm: atProxy("after") },
  // Nothing of Nomad comes after the answer: what the leader knows is that answer, in Postgres.
  {
    name: "after accepted",
    arm: atProxy("answered", (stage) =>
      until("the row to be accepted", async () => (await stage.sql.query(newest)) === "accepted")
    )
  }
]
