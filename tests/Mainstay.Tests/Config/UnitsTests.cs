using Mainstay.Control.Config;

namespace Mainstay.Tests.Config;

public sealed class UnitsTests
{
    [Theory]
    [InlineData("500ms", 0.5)]
    [InlineData("0ms", 0)]
    [InlineData("1s", 1)]
    [InlineData("1.25s", 1.25)]
    [InlineData("10m", 600)]
    [InlineData("12h", 43_200)]
    [InlineData("30d", 2_592_000)]
    public void Durations(string text, double seconds)
    {
        Assert.True(Units.TryDuration(text, out var value, out _));
        Assert.Equal(seconds, value.TotalSeconds);
    }

    [Theory]
    [InlineData("30", "add the unit: 30ms, 30s, 30m, 30h, 30d")]
    [InlineData("10 s", "did you mean 10s?")]
    [InlineData("10min", "did you mean 10m?")]
    [InlineData("2 Seconds", "did you mean 2s?")]
    [InlineData("5MS", "did you mean 5ms?")]
    [InlineData("-5s", "write a duration such as 500ms, 1s, 10m, 12h or 30d")]
    [InlineData("1.2.3s", "write a duration such as 500ms, 1s, 10m, 12h or 30d")]
    [InlineData("soon", "write a duration such as 500ms, 1s, 10m, 12h or 30d")]
    [InlineData("999999999999d", "write a shorter one")]
    [InlineData("99999999999999999999999999999999999999999s", "write a duration such as 500ms, 1s, 10m, 12h or 30d")]
    public void Wrong_durations_have_a_cure(string text, string cure)
    {
        Assert.False(Units.TryDuration(text, out _, out var said));
        Assert.Equal(cure, said);
    }

    [Theory]
    [InlineData("200/s", 200)]
    [InlineData("0.5/s", 0.5)]
    [InlineData("90/m", 1.5)]
    [InlineData("7200/h", 2)]
    public void Rates(string text, double perSecond)
    {
        Assert.True(Units.TryRate(text, out var value, out _));
        Assert.Equal(perSecond, value, 12);
    }

    [Theory]
    [InlineData("200", "add the unit: 200/s, 200/m, 200/h")]
    [InlineData("200rps", "did you mean 200/s?")]
    [InlineData("200 / s", "write a rate such as 200/s or 50/m")]
    public void Wrong_rates_have_a_cure(string text, string cure)
    {
        Assert.False(Units.TryRate(text, out _, out var said));
        Assert.Equal(cure, said);
    }

    [Theory]
    [InlineData("20%", 0.2)]
    [InlineData("99.9%", 0.999)]
    [InlineData("0%", 0)]
    public void Percentages(string text, double share)
    {
        Assert.True(Units.TryPercent(text, out var value, out _));
        Assert.Equal(share, value);
    }

    [Theory]
    [InlineData("20", "add the unit: 20%")]
    [InlineData("20 percent", "did you mean 20%?")]
    [InlineData("twenty", "write a percentage such as 20% or 99.9%")]
    public void Wrong_percentages_have_a_cure(string text, string cure)
    {
        Assert.False(Units.TryPercent(text, out _, out var said));
        Assert.Equal(cure, said);
    }

    [Theory]
    [InlineData("512B", 512)]
    [InlineData("64KiB", 65_536)]
    [InlineData("1MiB", 1_048_576)]
    [InlineData("1.5GiB", 1_610_612_736)]
    public void Sizes(string text, long bytes)
    {
        Assert.True(Units.TrySize(text, out var value, out _));
        Assert.Equal(bytes, value);
    }

    [Theory]
    [InlineData("1MB", "did you mean 1MiB?")]
    [InlineData("1mib", "did you mean 1MiB?")]
    [InlineData("64k", "did you mean 64KiB?")]
    [InlineData("64", "add the unit: 64B, 64KiB, 64MiB, 64GiB")]
    [InlineData("999999999999GiB", "write a smaller one")]
    public void Wrong_sizes_have_a_cure(string text, string cure)
    {
        Assert.False(Units.TrySize(text, out _, out var said));
        Assert.Equal(cure, said);
    }
}
