# scale.gnuplot: cost against size.  Variables: figures, plot_file.
set terminal svg size 760,420 font "sans-serif,13" background "white"
set output plot_file
set logscale x
set format x "%.0s%c"
set yrange [0:*]
set grid ytics lc rgb "#dddddd"
set key outside right top Left reverse
set style data linespoints
set multiplot layout 1,2
set title "a check"
set xlabel "apps"
set ylabel "microseconds"
set key inside left top
plot "< grep ^apps ".figures using 2:3 title "1,000 apps of so many" pt 7 lc rgb "#1f77b4", \
     "< grep ^working ".figures using 2:3 title "so many in turn" pt 5 lc rgb "#d62728"
set title "idverify_identify, nothing new"
set xlabel "contacts"
plot "< grep ^contacts ".figures using 2:3 title "the call" pt 7 lc rgb "#2ca02c", \
     "< grep ^probe ".figures using 2:3 title "the index probe alone" pt 5 lc rgb "#9467bd"
unset multiplot
