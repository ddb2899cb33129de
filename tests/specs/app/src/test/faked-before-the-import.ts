import { fakeEverything } from './timers';

fakeEverything();
