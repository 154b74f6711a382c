// A panel of one's own, and what the page gives it. Types only; published as /assets/panel.d.ts with all that they name.


/** Where a panel stands: above the charts, at their left or right, or below the first screen. */
export type Where = "above" | "left" | "right" | "below";

/** What a file in `panels/` exports by default. */
export interface Panel {
  /** Stands in its head and in the menu of panels. */
  title: string;
  where: Where;
  /** Fill `element`, and return what ends it, if anything must be ended. */
  mount(element: HTMLElement, run: Run): void | Unmount | Promise<void | Unmount>;
}

export type Unmount = () => void;

/** The step that the page shows. */
export interface Selected {
  /** Its row in the worker's table of steps. */
  row: number;
  /** `train` or `eval`; null until it is known, as the numbers that follow. */
  mode: string | null;
  episode: number | null;
  step: number | null;
  /** Whether the page follows the newest step. */
  isNewest: boolean;
}

/** The page's colours as CSS writes them, dark or light; in style sheets they are `var(--text)` and so on. */
export interface Colours {
  isDark: boolean;
  text: string;
  faint: string;
  line: string;
  surface: string;
  background: string;
  accent: string;
  bad: string;
  warn: string;
  good: string;
}

/** What may be new: another step is selected, steps, episodes, metrics or data have come, the page is dark now. */
export type Change = "selected" | "steps" | "episodes" | "metrics" | "data" | "colours";

/** Which steps: rows from `first` to `last`, and of many about `points` of them (1000), with the extreme values. */
export interface StepRange {
  first?: number;
  last?: number;
  points?: number;
}

/** The run that the page shows, and its worker. Times are milliseconds since 1970, absent values null. */
export interface Run {
  /** Id of the run. */
  readonly name: string;
  /** Name of the worker whose steps are shown; empty: the whole run, which has no steps. */
  readonly worker: string;
  /** The selected step; null before there is one. */
  readonly selected: Selected | null;
  /** How many steps there are. */
  readonly rows: number;
  readonly colours: Colours;
  /** Call `listener` after each such change; returns what ends it. */
  on(change: Change, listener: () => void): () => void;
  /** Let the whole page show the step of this row. */
  select(row: number): void;

  /** The run, its workers, and what it was started with (`info`). */
  info(): Promise<RunAnswer>;
  /** Steps, column by column. */
  steps(range?: StepRange): Promise<StepColumns>;
  /** Everything that was reported about one step; without a row, about the newest. */
  moment(row?: number): Promise<Moment>;
  episodes(): Promise<EpisodeRow[]>;
  /** The latest value of every metric whose name has `search` in it. */
  metrics(search?: string): Promise<MetricHeads>;
  /** The course of a metric. */
  metric(name: string): Promise<MetricCourse>;
  /** The latest value of every data stream. */
  data(): Promise<StreamHead[]>;
  /** What a data stream said, newest last. */
  stream(name: string, count?: number): Promise<StreamHistory>;
  /** What a sensor saw at a row, or newest: JPEG in colour (`rgba`), PNG of `depth`. */
  image(sensor: string, modality?: "rgba" | "depth", row?: number): Promise<Blob>;
  /** What the run's code published to look at. */
  media(): Promise<MediumHead[]>;
  /** One of them, the newest unless `place` says which: PNG or JPEG, PLY, or JSON. */
  medium(kind: "image" | "points" | "histogram" | "table", name: string, place?: number): Promise<Blob>;
}

export interface ActionTaken {
    /** @description Monty's name of the action. */
    action: string;
    /** @description How far and how much, by Monty's names: numbers, and lists of numbers. */
    amounts: {
        [key: string]: number | (number | null)[] | null;
    };
}

export interface EpisodeModule {
    /** @description Evidence of the most likely hypothesis. */
    highest_evidence: number | null;
    /** @description Id of the graph with the highest evidence. */
    most_likely_object: string | null;
    /** @description Its outcome, in Monty's words. */
    outcome: string | null;
    /** @description Name that it recognised the target as: what that graph was learned from. */
    recognised: string | null;
    /** @description Angle between detected and true rotation, degrees, 0 to 180. */
    rotation_error_degs: number | null;
    /** @description Number of steps in which it matched. */
    steps: number | null;
}

export interface EpisodeRow {
    /** @description 1 if the outcome counts as correct, else 0. */
    correct: number | null;
    /** @description Seconds that it took, or takes so far, without pauses. */
    elapsed_secs: number | null;
    /** @description Number of the episode in this mode, from 0. */
    episode: number;
    /** @description Seed of its random numbers. */
    episode_seed: number | null;
    /** @description Epoch of this mode, from 0. */
    epoch: number;
    /** @description Row of its first step; -1 before there is one, and where the steps are not in memory. */
    first_row: number;
    /** @description Per learning module, the names of the objects that a graph was learned from, by graph id; only graphs whose id is not such a name. */
    graph_targets: {
        [key: string]: {
            [key: string]: string[];
        };
    };
    /** @description Whether it is finished. */
    is_over: boolean;
    /** @description Row of its last step so far; -1 like `first_row`. */
    last_row: number;
    /** @description Ids of the graphs that the episode added or changed. */
    learned: string[];
    /** @description Result of each learning module, by its id; empty until it is over. */
    learning_modules: {
        [key: string]: EpisodeModule;
    };
    /** @description Number of steps in which a learning module matched. */
    matching_steps: number | null;
    /** @description `train` or `eval`. */
    mode: string;
    /** @description What that graph is called. */
    most_likely_name: string | null;
    /** @description Id of the graph that the model took the target for, or believes in so far. */
    most_likely_object: string | null;
    /** @description Its rotation when the episode ended, Euler angles "xyz" in degrees. */
    most_likely_rotation_euler_degs: (number | null)[] | null;
    /** @description Outcome of the whole model, in Monty's words. */
    outcome: string | null;
    /** @description Mean over the learning modules that have one, degrees. */
    rotation_error_degs: number | null;
    /** @description When it began. */
    started_unix_millis: number | null;
    /** @description Number of steps. */
    steps: number;
    /** @description The object that was shown. */
    target: string | null;
    /** @description Its rotation, Euler angles "xyz" in degrees. */
    target_rotation_euler_degs: (number | null)[] | null;
    /** @description 1 if it was decided by the most likely hypothesis after a time-out, else 0. */
    used_mlh: number | null;
    /** @description Worker that ran it. */
    worker: string;
}

export interface FrameShown {
    /** @description Its episode; -1 if it does not say. */
    episode: number;
    /** @description Whether it is of an earlier step, because this one has none. */
    is_older: boolean;
    /** @description `rgba` or `depth`. */
    modality: string;
    /** @description Id of the sensor module. */
    sensor: string;
    /** @description Its step in the episode; -1 if it does not say. */
    step: number;
    /** @description When it was published. */
    time_unix_millis: number | null;
}

export interface GoalState {
    /** @description Where the sensor shall be, x, y, z, metres. */
    location: (number | null)[];
    /** @description Id of the graph whose hypothesis it tests. */
    object: string | null;
}

export interface Info {
    /**
     * @description Kind of the message.
     * @enum {unknown}
     */
    kind: "info";
    /** @description Id of the run, shared by all processes of a parallel run. */
    run: string;
    /** @description The experiment object within the run: `main`, `parallel_eval_episode_<n>`, … */
    worker: string;
    /** @description Number of this message, per worker, from 0. Kinds in `BULK_KINDS` count in a sequence of their own. */
    seq: number;
    /** @description When it was published; strictly increasing per worker, even if the clock is set back. */
    time_unix_nanos: number;
    /** @description `SCHEMA_VERSION` of the sender. */
    schema_version: number;
    /**
     * @description Name of the experiment (the user's choice in Hydra, else the run name).
     * @default null
     */
    experiment?: string | null;
    /**
     * @description Dotted name of the class that the configuration names.
     * @default null
     */
    experiment_class?: string | null;
    /**
     * @description Monty's `logging.run_name`.
     * @default null
     */
    run_name?: string | null;
    /**
     * @description Directory in which it was started.
     * @default null
     */
    working_directory?: string | null;
    /**
     * @description A name that runs which belong together share, such as the jobs of one Hydra sweep.
     * @default null
     */
    group?: string | null;
    /**
     * @description How this run differs from the others of its group: value by configuration key; secrets are `***`.
     * @default {}
     */
    overrides?: {
        [key: string]: string;
    };
    /**
     * @description The resolved configuration as plain JSON; secrets are `***` (docs/monty.md, What is masked).
     * @default {}
     */
    config?: Record<string, unknown>;
    /**
     * @description Monty's seed.
     * @default null
     */
    seed?: number | null;
    /**
     * @description Whether it trains.
     * @default null
     */
    do_train?: boolean | null;
    /**
     * @description Whether it evaluates.
     * @default null
     */
    do_eval?: boolean | null;
    /**
     * @description Number of training epochs configured.
     * @default null
     */
    n_train_epochs?: number | null;
    /**
     * @description Number of evaluation epochs configured.
     * @default null
     */
    n_eval_epochs?: number | null;
    /**
     * @description Step limits by Monty's names (`max_train_steps`, `max_eval_steps`, `max_total_steps`, `min_lms_match`).
     * @default {}
     */
    limits?: {
        [key: string]: number | null;
    };
    /**
     * @description One entry per learning module.
     * @default []
     */
    learning_modules?: LearningModuleInfo[];
    /**
     * @description One entry per sensor module.
     * @default []
     */
    sensor_modules?: SensorModuleInfo[];
    /**
     * @description Version by distribution name: python, tbp-monty, monty-mqtt, torch, …
     * @default {}
     */
    versions?: {
        [key: string]: string;
    };
    /**
     * @description Host name.
     * @default null
     */
    host?: string | null;
    /**
     * @description Process id.
     * @default null
     */
    pid?: number | null;
    /**
     * @description Name of the conda or virtual environment.
     * @default null
     */
    environment?: string | null;
    /**
     * @description Commit of the working directory, if it is a checkout.
     * @default null
     */
    git_commit?: string | null;
    /**
     * @description The command line that started the process; secrets are `***`.
     * @default []
     */
    command_line?: string[];
    /**
     * @description Path from which the model was loaded.
     * @default null
     */
    model_path?: string | null;
    /**
     * @description Directory into which Monty writes its results.
     * @default null
     */
    output_dir?: string | null;
    /**
     * @description Whether Monty's own live plot is on.
     * @default null
     */
    show_sensor_output?: boolean | null;
    /**
     * @description Number of episodes of this worker, by mode (`train`, `eval`), if known.
     * @default {}
     */
    episodes_expected?: {
        [key: string]: number;
    };
}

export interface LearningModuleInfo {
    /** @description Id of the learning module. */
    learning_module: string;
    /** @description Dotted name of its class. */
    class_name: string;
    /**
     * @description Names of the objects that it knows when the run starts.
     * @default []
     */
    objects?: string[];
    /**
     * @description Its numeric thresholds by Monty's attribute name (`object_evidence_threshold`, `x_percent_threshold`, `required_symmetry_evidence`, `max_match_distance`, …).
     * @default {}
     */
    thresholds?: {
        [key: string]: number | null;
    };
    /**
     * @description Ids of the sensor modules that feed it.
     * @default []
     */
    sensor_modules?: string[];
    /**
     * @description Ids of the learning modules it votes with.
     * @default []
     */
    vote_partners?: string[];
}

export interface MediumHead {
    /** @description How many there are. */
    count: number;
    /** @description Its episode, if the program said so. */
    episode: number | null;
    /** @description `image`, `points`, `histogram` or `table`. */
    kind: string;
    /** @description Its name. */
    name: string;
    /** @description Which of them it is, from 0. */
    place: number;
    /** @description Its step, if the program said so. */
    step: number | null;
    /** @description When it was published. */
    time_unix_millis: number | null;
}

export interface MetricCourse {
    /** @description The `step`, `epoch` and `episode` of each value, of those that any value has; null where one has none. */
    axes: {
        [key: string]: (number | null)[];
    };
    /** @description Along which axis it is cut and sorted: `time`, or the `step`, `epoch` or `episode` of its metadata. */
    axis: string;
    /** @description First place of the whole metric on the axis, for `time` in milliseconds; null if no value has one. */
    first: number | null;
    /** @description First time of the whole metric. */
    first_unix_millis: number;
    /** @description Whether every value is there; else the least and the greatest of every part are. */
    is_whole: boolean;
    /** @description Last place. */
    last: number | null;
    /** @description Last time of the whole metric. */
    last_unix_millis: number;
    /** @description How many values of the whole metric have no place on the axis. */
    left_out: number;
    /** @description What was published with the newest value. */
    metadata: Record<string, unknown>;
    /** @description Where numbers were not finite. */
    not_finite: NotFinite[];
    /** @description Times of the values, with microseconds. */
    times_unix_millis: number[];
    /** @description The finite values, as many, ascending along the axis. */
    values: number[];
}

export interface MetricHead {
    /** @description Number of values. */
    count: number;
    /** @description The latest value; null if it was not finite. */
    latest: number | null;
    /** @description What it was then. */
    latest_not_finite: string | null;
    /** @description When it was published. */
    latest_unix_millis: number | null;
    /** @description Name of the metric. */
    name: string;
    /** @description How many of them were not finite: `nan`, `inf`, `-inf`, or `none` if that is not known. */
    not_finite: {
        [key: string]: number;
    };
    /** @description Worker that published it. */
    worker: string;
}

export interface MetricHeads {
    /** @description Number of metrics that match. */
    count: number;
    /** @description Those that were asked for, in the order of their first values. */
    metrics: MetricHead[];
}

export interface ModeSums {
    /** @description Share of these among all finished episodes, 0 to 1: Monty's `percent_correct`. */
    accuracy: number | null;
    /** @description Number of finished episodes whose outcome counts as correct. */
    correct: number;
    /** @description Number of finished episodes. */
    episodes_done: number;
    /** @description Number of episodes in all, if known. */
    episodes_expected: number | null;
    /** @description Monty's `avg_num_monty_matching_steps`. */
    mean_matching_steps: number | null;
    /** @description Seconds per finished episode, without pauses. */
    mean_secs: number | null;
    /** @description Steps per finished episode: Monty's `avg_num_monty_steps`. */
    mean_steps: number | null;
    /** @description Number of finished episodes by outcome, in Monty's words. */
    outcomes: {
        [key: string]: number;
    };
    /** @description Mean of these rotation errors, degrees: Monty's `avg_rotation_error`. */
    rotation_error_degs: number | null;
    /** @description Number of learning modules with a rotation error, over all finished episodes. */
    rotation_errors: number;
    /** @description Steps so far, including those of the running episode. */
    steps: number;
    /** @description Number of finished episodes decided by the most likely hypothesis after a time-out. */
    used_mlh: number;
}

export interface ModuleColumns {
    /** @description Evidence of each object: a column for each of the first of `objects`. */
    evidence: (number | null)[][];
    /** @description The steepest rise of evidence over all hypotheses before the step, by which Monty decides whether it samples. */
    evidence_slope_max: (number | null)[] | null;
    /** @description 1 in a step in which it set a goal state, else 0. */
    goal: number[];
    /** @description Number that burst sampling added in the step. It and the next four are null for a module without burst sampling. */
    hypotheses_added: (number | null)[] | null;
    /** @description Number that it removed in the step. */
    hypotheses_removed: (number | null)[] | null;
    /** @description Age of the oldest of these. */
    hypothesis_age_max: (number | null)[] | null;
    /** @description Median age of the most likely object's hypotheses, in updates, 1 for a new one. */
    hypothesis_age_median: (number | null)[] | null;
    /** @description Number of all hypotheses. */
    hypothesis_count: (number | null)[];
    /** @description Whether Monty says that it stands for the target: 1, 0, or -1 if it does not say. */
    is_correct: number[];
    /** @description Whether its goal state before was reached: 1, 0, or -1 in a step that does not look at it. */
    is_goal_achieved: number[];
    /** @description 1 if the most likely object is Monty's name for one that it does not know, else 0. */
    is_new: number[];
    /** @description Location x, y, z of the most likely hypothesis, metres. */
    location: (number | null)[][];
    /** @description Evidence of the most likely object minus that of the second. */
    margin: (number | null)[];
    /** @description Names of the objects; the other columns name an object by its place here. */
    objects: string[];
    /** @description Number of possible matches. */
    possible: (number | null)[];
    /** @description How far what was sensed is from what it predicted, 0 to 1; null where Monty does not say it. */
    prediction_error: (number | null)[];
    /** @description Angle between the most likely rotation and the true one, degrees. */
    rotation_error_degs: (number | null)[];
    /** @description Scale of the most likely hypothesis. */
    scale: (number | null)[];
    /** @description Place of the object second in evidence; -1 if there is none. */
    second: number[];
    /** @description Place of the object that its sensor touches; -1 if it is not known. */
    stepwise_target: number[];
    /** @description Number of steps in a row that indicated a symmetric object. */
    symmetry_evidence: (number | null)[];
    /** @description Place of the object that is shown; -1 if it is not known. */
    target: number[];
    /** @description Place of the graphs that stand for the target; -1 if none does. */
    target_graphs: number[];
    /** @description Distinct sets of graph ids that stand for a target; `target_graphs` names one by its place here. */
    target_sets: string[][];
    /** @description Monty's word of its terminal state; null before one is reached. */
    terminal: (string | null)[];
    /** @description Evidence above which an object is still possible. */
    threshold: (number | null)[];
    /** @description Place of the most likely object; -1 if there is none. */
    winner: number[];
    /** @description Evidence of the most likely hypothesis. */
    winner_evidence: (number | null)[];
}

export interface ModuleMoment {
    /** @description Evidence of each object that has some. */
    evidence: {
        [key: string]: number;
    };
    /** @description The steepest rise of evidence over all hypotheses before the step. */
    evidence_slope_max: number | null;
    /** @description The goal state that it set; null if it set none. */
    goal: GoalState | null;
    /** @description Number of hypotheses that burst sampling added. It and the next four are null without it. */
    hypotheses_added: number | null;
    /** @description Number that it removed. */
    hypotheses_removed: number | null;
    /** @description Age of the oldest of these. */
    hypothesis_age_max: number | null;
    /** @description Median age of the most likely object's hypotheses, in updates, 1 for a new one. */
    hypothesis_age_median: number | null;
    /** @description Number of hypotheses of each object. */
    hypothesis_counts: {
        [key: string]: number;
    };
    /** @description Whether Monty says that it stands for the target; null if it does not say. */
    is_correct: boolean | null;
    /** @description Whether its goal state before was reached; null in a step that does not look at it. */
    is_goal_achieved: boolean | null;
    /** @description Whether it is Monty's name for an object that it does not know. */
    is_new: boolean;
    /** @description Evidence of the most likely object minus that of the second. */
    margin: number | null;
    /** @description Its most likely hypothesis. */
    most_likely: MostLikely | null;
    /** @description Objects still possible. */
    possible_matches: string[];
    /** @description How far what was sensed is from what it had predicted, 0 to 1. */
    prediction_error: number | null;
    /** @description Angle between the most likely rotation and the true one, degrees. */
    rotation_error_degs: number | null;
    /** @description The object second in evidence. */
    second_object: string | null;
    /** @description The object that its sensor touches. */
    stepwise_target_object: string | null;
    /** @description Number of steps in a row that indicated a symmetric object. */
    symmetry_evidence: number | null;
    /** @description Ids of the graphs that stand for the target. */
    target_graphs: string[] | null;
    /** @description The object that is shown. */
    target_object: string | null;
    /** @description Monty's word of its terminal state; null before one is reached. */
    terminal_state: string | null;
    /** @description Evidence above which an object is still possible. */
    threshold: number | null;
}

export interface Moment {
    /** @description What was decided to do next, in this order. */
    actions: ActionTaken[];
    /** @description Hypothesis clouds that are shown with the step, by learning module; those of its episode only. */
    clouds: {
        [key: string]: PlaceShown;
    };
    /** @description Episode of the mode, from 0. */
    episode: number;
    /** @description Epoch of the mode, from 0. */
    epoch: number;
    /** @description Images that are shown with the step. */
    frames: FrameShown[];
    /** @description What each learning module believed, by its id. */
    learning_modules: {
        [key: string]: ModuleMoment;
    };
    /** @description Step limits by Monty's names. */
    limits: {
        [key: string]: number;
    };
    /** @description `train` or `eval`. */
    mode: string | null;
    /** @description Whether the learning modules were skipped. */
    motor_only: boolean;
    /** @description Row of the step in the worker's table. */
    row: number;
    /** @description What each sensor module sensed, by its id. */
    sensors: {
        [key: string]: SensorMoment;
    };
    /** @description Step in the episode, from 0. */
    step: number;
    /** @description Number of steps before Monty gives up; null if there is no limit. */
    steps_left: number | null;
    /** @description The object that was shown. */
    target_object: string | null;
    /** @description When it was published. */
    time_unix_millis: number | null;
    /** @description Step of the worker, from 0. */
    total_step: number;
}

export interface MostLikely {
    /** @description Its evidence. */
    evidence: number | null;
    /** @description Its location x, y, z, metres. */
    location: (number | null)[];
    /** @description Id of its graph. */
    object: string;
    /** @description Its rotation, unit quaternion x, y, z, w. */
    rotation: (number | null)[];
    /** @description Its scale. */
    scale: number | null;
}

export interface NotFinite {
    /** @description The `step`, `epoch` and `episode` of the first of them, as far as they were published with it. */
    axes: {
        [key: string]: number;
    };
    /** @description How many numbers. */
    count: number;
    /** @description `nan`, `inf`, `-inf` or `none`. */
    kind: string;
    /** @description The time, with microseconds. */
    time_unix_millis: number;
}

export interface PlaceShown {
    /** @description Its episode; -1 if it does not say. */
    episode: number;
    /** @description Whether it is of an earlier step, because this one has none. */
    is_older: boolean;
    /** @description Its step in the episode; -1 if it does not say. */
    step: number;
    /** @description When it was published. */
    time_unix_millis: number | null;
}

export interface RunAnswer {
    /** @description Its `info` message, as in docs/wire.md: what is run, with what, and where; null before it came. */
    info: Info | null;
    /** @description Summary of the run. */
    run: RunHead;
    /** @description Summary of each worker. */
    workers: WorkerHead[];
}

export interface RunHead {
    /** @description Number of messages and images that its workers had no room for. */
    dropped: number;
    /** @description Seconds since its start, without pauses. */
    elapsed_secs: number | null;
    /** @description When it ended; null while it goes on. */
    ended_unix_millis: number | null;
    /** @description Number of finished episodes, all modes. */
    episodes_done: number;
    /** @description Number of episodes in all, all modes, if known. */
    episodes_expected: number | null;
    /** @description When it will end, from the mean episode so far. */
    estimated_end_unix_millis: number | null;
    /** @description Name of the experiment. */
    experiment: string | null;
    /** @description Number of images and hypothesis clouds that never came. */
    frames_missing: number;
    /** @description A name that runs which belong together share, such as the jobs of one sweep. */
    group: string | null;
    /** @description Name of the machine that it runs on. */
    host: string | null;
    /** @description Number of values that the page had no room for: too many metrics, streams or states. */
    left_out: number;
    /** @description Number of messages that will never come. */
    lost: number;
    /** @description Mode that the run is in, `train` or `eval`. */
    mode: string | null;
    /** @description Sums of each mode, by its name. */
    modes: {
        [key: string]: ModeSums;
    };
    /** @description What the monitor costs the experiment per step, microseconds. */
    monitor_micros_per_step: number | null;
    /** @description When its newest message was published. */
    newest_unix_millis: number | null;
    /** @description How the run differs from the others of its group: value by configuration key. */
    overrides: {
        [key: string]: string;
    };
    /** @description Size of its recording in bytes, if known. */
    recorded_bytes: number | null;
    /** @description Id of the run. */
    run: string;
    /** @description Number of messages that are still with the experiment, in its spool file. */
    spooled: number;
    /** @description Whether no step came for longer than is usual. */
    stalled: boolean;
    /** @description When its first worker began. */
    started_unix_millis: number | null;
    /** @description Status word of the run: that of its parent, else the liveliest of its workers'. */
    status: string;
    /** @description Number of steps that came. */
    steps: number;
    /** @description Number of messages that are larger than the broker takes, and were not sent. */
    too_large: number;
    /** @description Number of workers by status word. */
    worker_statuses: {
        [key: string]: number;
    };
    /** @description Number of workers, without the parent of a parallel run. */
    workers: number;
}

export interface SensorColumns {
    /** @description Its location x, y, z, metres. */
    location: (number | null)[][];
    /** @description Whether it was on an object: 1, 0, or -1 if that is not known. */
    on_object: number[];
}

export interface SensorModuleInfo {
    /** @description Id of the sensor module. */
    sensor_module: string;
    /** @description Dotted name of its class. */
    class_name: string;
}

export interface SensorMoment {
    /** @description What else it sensed, by Monty's names (`hsv`, `principal_curvatures_log`, ...). */
    features: {
        [key: string]: boolean | number | (number | null)[];
    };
    /** @description Where it sensed, x, y, z, metres. */
    location: (number | null)[];
    /** @description Whether that was on an object, if that is known. */
    on_object: boolean | null;
    /** @description Unit vectors of the surface normal and of both principal curvatures; null off an object. */
    pose_vectors: (number | null)[][] | null;
}

export interface StepColumns {
    /** @description Episode of the mode, from 0. */
    episode: number[];
    /** @description Epoch of the mode, from 0. */
    epoch: number[];
    /** @description Columns of each learning module, by its id. */
    learning_modules: {
        [key: string]: ModuleColumns;
    };
    /** @description `train` or `eval`. */
    mode: (string | null)[];
    /** @description What the monitor cost in it, microseconds. */
    monitor_micros: (number | null)[];
    /** @description 1 if the learning modules were skipped, else 0. */
    motor_only: number[];
    /** @description Rows of the steps in the worker's table, ascending. */
    row: number[];
    /** @description Columns of each sensor module, by its id. */
    sensors: {
        [key: string]: SensorColumns;
    };
    /** @description Step in the episode, from 0. */
    step: number[];
    /** @description Seconds that the step took. */
    step_secs: (number | null)[];
    /** @description The object that was shown. */
    target_object: (string | null)[];
    /** @description When they were published. */
    time_unix_millis: number[];
    /** @description Step of the worker, from 0. */
    total_step: number[];
}

export interface StreamHead {
    /** @description The value; `{"left_out_bytes": …}` in place of one that is too large. */
    data: unknown;
    /** @description Name of the stream. */
    stream: string;
    /** @description When it was published. */
    time_unix_millis: number | null;
    /** @description Worker that published it. */
    worker: string;
}

export interface StreamHistory {
    /** @description Number of values in all. */
    count: number;
    /** @description The values, the newest last. */
    values: StreamValue[];
}

export interface StreamValue {
    /** @description The value. */
    data: unknown;
    /** @description Its number in the stream, from 0. */
    number: number;
    /** @description When it was published. */
    time_unix_millis: number | null;
}

export interface WorkerError {
    /** @description Its message. */
    message: string | null;
    /** @description Its traceback as Python prints it. */
    traceback: string | null;
    /** @description Class of the exception. */
    type: string | null;
}

export interface WorkerHead {
    /** @description Number of messages and images that it had no room for. */
    dropped: number;
    /** @description Seconds since then, without pauses. */
    elapsed_secs: number | null;
    /** @description Its episode in that mode, from 0. */
    episode: number | null;
    /** @description Number of steps of that episode so far. */
    episode_steps: number | null;
    /** @description Number of finished episodes, all modes. */
    episodes_done: number;
    /** @description Number of episodes in all, if known. */
    episodes_expected: number | null;
    /** @description Its epoch in that mode, from 0. */
    epoch: number | null;
    /** @description The exception, if it ended with one. */
    error: WorkerError | null;
    /** @description When it will end, from the mean episode so far. */
    estimated_end_unix_millis: number | null;
    /** @description Changes when the rows do not mean the same steps as before. */
    generation: number;
    /** @description Number of its last message, once it ended or is disconnected. */
    highest_seq: number | null;
    /** @description Whether it is the parent of a parallel run, which takes no steps itself. */
    is_parent: boolean;
    /** @description Number of messages that will never come. */
    lost: number;
    /** @description Mode that it is in, `train` or `eval`. */
    mode: string | null;
    /** @description Sums of each mode, by its name. */
    modes: {
        [key: string]: ModeSums;
    };
    /** @description What the monitor costs it per step, microseconds. */
    monitor_micros_per_step: number | null;
    /** @description When its newest message was published. */
    newest_unix_millis: number | null;
    /** @description The object that it is shown. */
    object: string | null;
    /** @description Outcome of the newest finished episode, in Monty's words. */
    outcome: string | null;
    /** @description Why it aborts, pauses or goes on, if a command says so. */
    reason: string | null;
    /** @description Number of rows of its table of steps. */
    rows: number;
    /** @description Number of messages that are still with the experiment, in its spool file. */
    spooled: number;
    /** @description Whether no step came for longer than is usual. */
    stalled: boolean;
    /** @description When it began. */
    started_unix_millis: number | null;
    /** @description Its status word. */
    status: string;
    /** @description Its step in that episode, from 0. */
    step: number | null;
    /** @description Steps per second, lately. */
    steps_per_sec: number | null;
    /** @description Number of messages that are larger than the broker takes, and were not sent. */
    too_large: number;
    /** @description Name of the worker: `main`, or `parallel_eval_episode_<n>` and the like. */
    worker: string;
}

