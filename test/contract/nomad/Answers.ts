/** The parts of Nomad's answers that the contract looks at, as they should be; the tests say whether they are. */

export interface JobBody {
  readonly ID: string
  readonly Namespace: string
  readonly NomadTokenID: string
  readonly Version: number
  readonly Stable: boolean
  readonly Stop: boolean
  readonly Status: string
  readonly SubmitTime: number
  readonly ModifyIndex: number
  readonly JobModifyIndex: number
  readonly VersionTag: { readonly Name: string } | null
  readonly TaskGroups: readonly [GroupBody]
}

export interface GroupBody {
  readonly Count: number
  readonly Constraints: ReadonlyArray<{ readonly RTarget: string }>
  readonly RestartPolicy: { readonly Attempts: number }
  readonly Scaling?: {
    readonly ID: string
    readonly Enabled: boolean
    readonly CreateIndex: number
    readonly ModifyIndex: number
  }
  readonly Tasks: readonly [
    {
      readonly Config: Record<string, unknown>
      readonly Env: Record<string, string> | null
      readonly Resources: { readonly CPU: number }
    }
  ]
}

export interface DeploymentBody {
  readonly ID: string
  readonly JobVersion: number
  readonly JobSpecModifyIndex: number
  readonly ModifyIndex: number
  readonly Status: string
  readonly StatusDescription: string
  readonly TaskGroups: {
    readonly g: {
      readonly DesiredTotal: number
      readonly PlacedAllocs: number
      readonly HealthyAllocs: number
      readonly UnhealthyAllocs: number
      readonly DesiredCanaries: number
      readonly PlacedCanaries: ReadonlyArray<string> | null
      readonly Promoted: boolean
      readonly RequireProgressBy: string | null
    }
  }
}

export interface StubBody {
  readonly ID: string
  readonly Name: string
  readonly JobVersion: number
  readonly CreateIndex: number
  readonly DesiredStatus: string
  readonly DesiredDescription: string
  readonly ClientStatus: string
  readonly ClientDescription: string
  readonly NextAllocation: string
  readonly FollowupEvalID: string
  readonly DeploymentStatus: { readonly Healthy: boolean | null } | null
  readonly TaskStates: {
    readonly t: {
      readonly State: string
      readonly Failed: boolean
      readonly Restarts: number
      readonly StartedAt: string | null
      readonly FinishedAt: string | null
      readonly LastRestart: string | null
      readonly Events: ReadonlyArray<{
        readonly Type: string
        readonly DisplayMessage: string
        readonly Details: Readonly<Record<string, string>>
      }>
    }
  }
}

/** A whole allocation, of which empty keys are left out. */
export interface AllocationBody {
  readonly DeploymentID: string
}

export interface EvaluationBody {
  readonly ID: string
  readonly Status: string
  readonly StatusDescription: string
  readonly TriggeredBy: string
  readonly DeploymentID?: string
  readonly JobModifyIndex?: number
  readonly BlockedEval?: string
  readonly FailedTGAllocs?: { readonly g: { readonly ConstraintFiltered: unknown } }
}

export interface StatusBody {
  readonly ID: string
  readonly Allocs: ReadonlyArray<{ readonly DeploymentStatus: { readonly Healthy: boolean | null } }>
  readonly LatestDeployment: {
    readonly Status: string
    readonly IsActive: boolean
    readonly RequiresPromotion: boolean
  }
}

/** What the writes answer with. */
export interface WriteBody {
  readonly EvalID: string
  readonly EvalCreateIndex: number
  readonly JobModifyIndex: number
  readonly Index: number
  readonly RevertedJobVersion: number | null
  readonly Warnings: string
}

export interface ValidateBody {
  readonly Error: string
  readonly ValidationErrors: ReadonlyArray<string> | null
}

/** What a register would do at first. */
export interface PlanBody {
  readonly Annotations: { readonly DesiredTGUpdates: { readonly g: Readonly<Record<string, number>> } }
  readonly JobModifyIndex: number
  readonly FailedTGAllocs: object | null
  readonly Diff: DiffBody | null
}

export interface DiffBody {
  readonly Type: string
  readonly Fields: ReadonlyArray<{ readonly Name: string; readonly Old: string; readonly New: string }> | null
  readonly TaskGroups: ReadonlyArray<{
    readonly Updates: Readonly<Record<string, number>> | null
    readonly Tasks: ReadonlyArray<Omit<DiffBody, "TaskGroups"> & { readonly Annotations: unknown }>
  }>
}

export interface VersionsBody {
  readonly Diffs: ReadonlyArray<DiffBody> | null
  readonly Versions: ReadonlyArray<JobBody>
}

export interface SubmissionBody {
  readonly JobID: string
  readonly Namespace: string
  readonly Version: number
  readonly Source: string
  readonly Format: string
  readonly VariableFlags: Readonly<Record<string, string>> | null
  readonly Variables: string
}
