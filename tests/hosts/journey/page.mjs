import { asked } from './asked.mjs';

const told = document.getElementById('told');
asked(new URLSearchParams(location.search)).then(
  (what) => {
    told.textContent = JSON.stringify(what);
  },
  (error) => {
    told.textContent = String(error?.stack);
  },
);
