using System.Runtime.CompilerServices;

namespace Mainstay.Control.Detection;

/// <summary>
/// What a series is usually at this time of the day (in half hours) and of the week (in hours, UTC): the mean over the last twenty
/// days or eight weeks. Whether it has such a rhythm is found out by predicting: a rhythm counts once its predictions of 100
/// points were nearer than the series' level by a tenth, and the week's is taken where it is nearer than the day's by a twentieth.
/// </summary>
internal struct SeasonalProfile
{
    private const int Day = 86_400;
    private const int HalfHour = 1_800;
    private const int Hour = 3_600;
    private const int MostDays = 20;
    private const int MostWeeks = 8;
    private const int Enough = 100;
    private const float Slowest = 0.004f;

    private Days _days;
    private Weeks _weeks;
    private Rhythm _day;
    private Rhythm _week;

    /// <summary>Nothing is known of any time of the day or week.</summary>
    public SeasonalProfile()
    {
        ((Span<float>)_days).Fill(float.NaN);
        ((Span<float>)_weeks).Fill(float.NaN);
    }

    /// <summary>True if the series has a rhythm that predicts it better than its level does.</summary>
    public readonly bool IsRhythmic => _day.Predicts || _week.Predicts;

    /// <summary>What the series would be now by its rhythm; NaN while this time of the day is not known. Then learns the value.</summary>
    /// <param name="seconds">Time since 1970, UTC.</param>
    /// <param name="value">The value now.</param>
    /// <param name="level">The series' level without any rhythm.</param>
    public double Expect(long seconds, double value, double level)
    {
        var (days, ofDay) = Math.DivRem(Math.Max(0, seconds), Day);
        var (weeks, ofWeek) = Math.DivRem(Math.Max(0, seconds), 7 * Day);
        var byDay = _day.Step(_days, (int)ofDay / HalfHour, days, MostDays, value, level);
        var byWeek = _week.Step(_weeks, (int)ofWeek / Hour, weeks, MostWeeks, value, level);
        return _week.Predicts && _week.Error < 0.95 * _day.Error && !double.IsNaN(byWeek) ? byWeek : byDay;
    }

    [InlineArray(Day / HalfHour)]
    private struct Days
    {
        private float _first;
    }

    [InlineArray(7 * Day / Hour)]
    private struct Weeks
    {
        private float _first;
    }

    /// <summary>One period of time in slots. A slot takes in the mean of a visit when the visit is over.</summary>
    private struct Rhythm
    {
        private double _sum;
        private int _count;
        private int _slot;
        private int _periods;
        private long _period;
        private int _predictions;
        private float _errorOfLevel;

        /// <summary>Recent mean distance of the predictions from what came.</summary>
        public float Error { get; private set; }

        public readonly bool Predicts => _predictions > Enough && Error < 0.9f * _errorOfLevel;

        /// <param name="slots">What is usual in each slot; NaN where it is not known.</param>
        /// <param name="slot">The slot of the value.</param>
        /// <param name="period">The number of its day or week.</param>
        /// <param name="most">Visits that a slot remembers.</param>
        /// <param name="value">The value.</param>
        /// <param name="level">What would be predicted without a rhythm.</param>
        /// <returns>What was predicted; NaN if unknown.</returns>
        public double Step(Span<float> slots, int slot, long period, int most, double value, double level)
        {
            if (slot != _slot || period != _period)
                Leave(slots, slot, period, most);
            _sum += value;
            _count++;
            double expected = slots[slot];
            if (!double.IsNaN(expected))
            {
                _predictions = Math.Min(_predictions + 1, 1_000_000);
                var share = Math.Max(Slowest, 1f / _predictions);
                Error += share * ((float)Math.Abs(value - expected) - Error);
                _errorOfLevel += share * ((float)Math.Abs(value - level) - _errorOfLevel);
            }
            return expected;
        }

        private void Leave(Span<float> slots, int slot, long period, int most)
        {
            if (_count > 0)
            {
                var mean = (float)(_sum / _count);
                ref var usual = ref slots[_slot];
                usual = float.IsNaN(usual) ? mean : usual + ((mean - usual) / Math.Clamp(_periods, 1, most));
            }
            if (period != _period)
                _periods = Math.Min(_periods + 1, most);
            (_slot, _period, _sum, _count) = (slot, period, 0, 0);
        }
    }
}
