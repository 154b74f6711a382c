// How any part of a run's page goes to an episode, which may be of another worker.
import { inject, type InjectionKey, provide } from "vue";

type OpenEpisode = (worker: string, mode: string, episode: number) => void;

const OPEN_EPISODE: InjectionKey<OpenEpisode> = Symbol("openEpisode");

/** Let all parts below the component that calls it go to an episode: see `useOpenEpisode`. */
export const provideOpenEpisode = (open: OpenEpisode) => provide(OPEN_EPISODE, open);

/** Goes to an episode of the page above. */
export const useOpenEpisode = () => inject(OPEN_EPISODE) as OpenEpisode;
