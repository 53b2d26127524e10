using FsCheck.Fluent;
using Mainstay.Control.Signals;

namespace Mainstay.Tests.Signals;

public sealed class WindowCodeTests
{
    [Fact]
    public void Windows_come_back_as_they_were_and_records_of_one_interval_add_up()
    {
        var one = new SeriesWindow();
        one.Add(-3.25);
        var several = new SeriesWindow();
        several.Add(1);
        several.Add(5);
        var sketch = new Sketch();
        sketch.Add(0.5, 10);
        sketch.Add(-2);
        var many = new SeriesWindow();
        many.Add(sketch, 3);
        using var bytes = new MemoryStream();
        WindowCode.Write(bytes, 0, one);
        WindowCode.Write(bytes, 119, several);
        WindowCode.Write(bytes, 119, many);
        var read = WindowCode.Read(bytes.ToArray()).ToList();
        Assert.Equal([0, 119, 119], read.Select(r => r.Place));
        Assert.Equal([(1.0, -3.25, -3.25), (2, 6, 1), (11, 3, many.Min)], read.Select(r => (r.Window.Count, r.Window.Sum, r.Window.Min)));
        Assert.Equal(many.Values!.Buckets, read[2].Window.Values!.Buckets);
    }

    [Fact]
    public void Bytes_that_are_cut_anywhere_give_what_is_whole() => Property.Holds(Gen.Choose(0, 400), cut =>
    {
        using var bytes = new MemoryStream();
        var window = new SeriesWindow();
        window.Add(1);
        window.Add(2);
        for (var i = 0; i < 5; i++)
            WindowCode.Write(bytes, i, window);
        var whole = bytes.ToArray();
        var part = whole[..Math.Min(cut, whole.Length)];
        var read = WindowCode.Read(part).ToList();
        return read.Count <= 5 && read.Select(r => r.Place).SequenceEqual(Enumerable.Range(0, read.Count));
    });
}
