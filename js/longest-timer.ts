/** The longest delay, in milliseconds, that timers obey: beyond it they fire at once (HTML standard, 8.7; Node). */
export const longestTimerMs = 2_147_483_647;
